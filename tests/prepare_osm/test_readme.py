"""The README of a built folder shows other people's words as they are, whatever Markdown makes of them."""

import re

import pandas as pd
import pytest
from markdown_it import MarkdownIt

from chargeplan.prepare.osm.build import Request, build
from chargeplan.prepare.osm.readme import readme, remarks

HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "<!-- the rest is gone",
    "[plans](http://example.org) http://example.org www.example.org",
    "![x](http://example.org/x.png)",
    "**bold** *a* _b_ __c__ ~~d~~ `e` $f$ &amp; \\",
    "a | b | c",
    "x" * 113 + "<script>alert(1)</script>",
    "many " * 20 + "- a - b + c 1. d 2) e # f ## g > h === --- ---",
    "line\n# heading\n\n- item\r\n|a|b|\n|-|-|",
    "snake_case 3.5 kW, 4-6 (two) a/b = c",
]


@pytest.fixture(params=HOSTILE)
def said(request, write):
    """A README of an extract in which a station's tag, a kind of site and a file's name say such things."""
    word = request.param
    nodes = {1: (0, 0), 2: (50, 0), 3: (1, 0.1)}
    nodes |= {10: (1, 1), 11: (1.2, 1), 12: (1.2, 1.2), 13: (1, 1.2)}
    ways = {
        1: ([1, 2], {"highway": "residential"}),
        2: ([10, 11, 12, 13, 10], {"building": "house"}),
    }
    tags = {3: {"amenity": "charging_station", "capacity": word}}
    name = word.replace("/", "-").replace("\0", "") + ".osm.pbf"
    sites = {"id": "s", "name": "", "kind": word, "cost": 1.0, "room": 2, "lon": 20.001, "lat": 10.0}
    asked = Request(write(nodes, ways, tags, name=name), "town")
    built = build(asked, pd.DataFrame([sites]))
    return word, name, readme(asked, built, []), list(remarks(asked, built))


def test_words_are_shown_and_nothing_else(said):
    """Tables keep their columns; there is no element but our own, and the words are there to be read."""
    word, name, text, told = said
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    inside = [token for block in tokens for token in block.children or [block]]
    kinds = {token.type.removesuffix("_open").removesuffix("_close") for token in inside}
    elements = {"heading", "paragraph", "bullet_list", "list_item", "inline", "text", "softbreak"}
    elements |= {"table", "thead", "tbody", "tr", "th", "td", "code_inline"}
    assert kinds <= elements
    assert sum(block.type == "heading_open" for block in tokens) == 4
    rows = re.split("<tr>", MarkdownIt("commonmark").enable("table").render(text))[1:]
    assert {row.count("</td>") + row.count("</th>") for row in rows} == {3, 5}
    shown = " ".join("".join(token.content or " " for token in inside).split())
    plain, file = (" ".join(each.replace("\n", "\\n").replace("\r", "\\r").split()) for each in (word, name))
    assert shown.count(plain) >= 2
    assert f"capacity={plain}" in shown
    assert file.replace("`", r"\x60") in shown
    assert any(f"capacity={plain}" in " ".join(line.split()) for line in told)
