"""How the maps look: one restrained palette, safe for colour-blind eyes (Okabe & Ito), and the fonts at hand.

Nothing here or in the drawing reads or changes matplotlib's global state, so that a plan gives the same bytes
wherever and in whatever order it is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from matplotlib.font_manager import FontProperties, fontManager, get_font

PAPER = "#ffffff"
LAND = "#f6f4ef"
GRATICULE = "#e7e3da"
BORDER = "#b8b3a7"
OUTLINE = "#807a6d"
INK = "#25282b"
QUIET = "#6f6f6b"
AREA = "#56b4e9"
DEMAND = "#8d9aa5"
MISSED = "#d55e00"
ROAD = "#4d4a46"
STREET = "#cfc7b4"
SELECTED = "#00507a"
EXISTING = "#f0c000"
OPENED = "#009e73"
FORBIDDEN = "#9a4f7c"
CANDIDATE = "#8a8577"
BEACON = "#b02a55"

# Fonts with Chinese, Japanese and Korean letters, in the order of preference.
_CJK = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "Microsoft YaHei",
    "PingFang SC",
    "Hiragino Sans GB",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "SimHei",
    "Heiti SC",
    "Arial Unicode MS",
    "Droid Sans Fallback",
)


@dataclass(frozen=True)
class Lettering:
    """The fonts of a map.

    Parameters
    ----------
    families
        Tried letter by letter, in this order.
    letters
        Code points that one of them can draw.
    """

    families: tuple[str, ...]
    letters: frozenset[int]

    def can_draw(self, text: str) -> bool:
        """Whether every letter of a text has a shape in these fonts."""
        return all(ord(letter) in self.letters or letter.isspace() for letter in text)

    def spell(self, text: str) -> str:
        """Return a text with a box for every letter that has no shape in these fonts."""
        return "".join(letter if self.can_draw(letter) else "\N{WHITE SQUARE}" for letter in text)

    def font(self, size: float, weight: str = "normal") -> FontProperties:
        """Return the font in a size in points."""
        return FontProperties(
            family=list(self.families),
            size=size,
            weight=weight,
            style="normal",
            variant="normal",
            stretch="normal",
        )


@cache
def lettering() -> Lettering:
    """Return DejaVu Sans, which comes with matplotlib, and the first Chinese font that this machine has."""
    installed = {entry.name: entry.fname for entry in reversed(fontManager.ttflist)}
    families = ("DejaVu Sans", *[name for name in _CJK if name in installed][:1])
    letters = frozenset(code for name in families for code in get_font(Path(installed[name])).get_charmap())
    return Lettering(families, letters)
