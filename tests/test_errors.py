"""Texts of others on our terminal."""

from __future__ import annotations

import json

from chargeplan.errors import json_printable


def test_json_keeps_its_meaning_and_loses_its_controls() -> None:
    """Controls above ASCII, DEL and bidirectional marks are escaped; what is parsed is the same."""
    given = {"name": "a\x9b31m\x7f\u202eb", "title": "\u682a\u6d32\n\t"}
    text = json.dumps(given, ensure_ascii=False, indent=2)
    shown = json_printable(text)
    assert json.loads(shown) == given
    assert "\x9b" not in shown
    assert "\x7f" not in shown
    assert "\u202e" not in shown
    assert "\u682a\u6d32" in shown
