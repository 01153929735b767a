"""The words of an SQL expression: what SQLite alone would let pass without a word."""

from __future__ import annotations

import re
import string
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOKEN = re.compile(
    r"""(?P<space>\s+ | --[^\n]* | /\*.*?(?:\*/|\Z))
      | (?P<text>'(?:[^']|'')*')
      | (?P<quoted>"(?:[^"]|"")*")
      | (?P<name>\[[^\]]*\] | `(?:[^`]|``)*` | [^\W\d][\w$]*)
      | (?P<number>0[xX][\da-fA-F]+ | (?:\d+\.?\d* | \.\d+)(?:[eE][+-]?\d+)?)
      | (?P<sign><= | >= | <> | != | == | .)""",
    re.VERBOSE | re.DOTALL,
)
_COMPARISONS = frozenset({"<", "<=", ">", ">=", "=", "==", "<>", "!=", "between", "in", "is"})
_BEFORE_OPERANDS = frozenset({"(", "+", "-", "not"})
_ASCII_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


class Token(NamedTuple):
    """A word of an expression; `kind` is text, quoted, name, number or sign, `word` as it is compared."""

    kind: str
    word: str


def folded(name: str) -> str:
    """Fold a name as SQLite compares names: the case of ASCII letters alone does not count."""
    return name.translate(_ASCII_LOWER)


def tokens(expression: str) -> list[Token]:
    """Split an expression as SQLite does, without blanks and comments; names are bare and folded."""
    return list(_tokens(expression))


def _tokens(expression: str) -> Iterator[Token]:
    for match in _TOKEN.finditer(expression):
        kind, word = str(match.lastgroup), match.group()
        if kind == "quoted" or word[0] == "`":
            word = word[1:-1].replace(2 * word[0], word[0])
        elif word[0] == "[" and kind == "name":
            word = word[1:-1]
        if kind != "space":
            yield Token(kind, word if kind == "text" else folded(word))


def stands_alone(words: list[Token]) -> bool:
    """Find whether every parenthesis closes one of the expression's own."""
    depth = 0
    for word in words:
        depth += (word == ("sign", "(")) - (word == ("sign", ")"))
        if depth < 0:
            return False
    return depth == 0


def comparisons(words: list[Token]) -> Iterator[tuple[Token, Token]]:
    """Find the words on either side of every comparison, past parentheses and signs around them.

    Only the nearest word counts: ``n > 6`` gives ``n`` and ``6``. Function calls give none, since they may
    turn text into a number or back.
    """
    for at, (kind, word) in enumerate(words):
        if kind in {"sign", "name"} and word in _COMPARISONS:
            left, right = _operand(words[:at][::-1], ")"), _operand(words[at + 1 :], "(")
            if left is not None and right is not None:
                yield left, right


def _operand(words: list[Token], parenthesis: str) -> Token | None:
    """Find the first word of a side; None where it is a call, or there is none."""
    for at, token in enumerate(words):
        if token.word not in _BEFORE_OPERANDS and token.word != parenthesis:
            called = parenthesis == "(" and words[at + 1 : at + 2] == [Token("sign", "(")]
            closed = parenthesis == ")" and at > 0 and _is_call(words)
            return None if called or closed else token
    return None


def _is_call(words: list[Token]) -> bool:
    """Find whether the parenthesis that closes a left side, read backwards, was opened by a function."""
    depth = 0
    for at, token in enumerate(words):
        depth += (token.word == ")") - (token.word == "(")
        if depth == 0 and token.word == "(":
            before = words[at + 1 : at + 2]
            return bool(before) and before[0].kind == "name" and before[0].word not in {"and", "or", "not"}
    return False
