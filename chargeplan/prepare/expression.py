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
_BETWEEN_TERMS = frozenset({"and", "or", "not", "case", "when", "then", "else"})
_OPERATORS = _COMPARISONS | {"like", "glob", "escape"}  # some may be called as well, and give yes or no
_ASCII_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


class Token(NamedTuple):
    """A word of an expression; `kind` is text, quoted, name, number or sign, `word` as it is compared.

    It stands from `begin` up to `end`.
    """

    kind: str
    word: str
    begin: int
    end: int

    def is_sign(self, sign: str) -> bool:
        """Say whether it is a certain sign, and not text or a name that looks like it."""
        return self.kind == "sign" and self.word == sign


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
            yield Token(kind, word if kind == "text" else folded(word), *match.span())


def stands_alone(words: list[Token]) -> bool:
    """Find whether every parenthesis closes one of the expression's own."""
    depth = 0
    for word in words:
        depth += word.is_sign("(") - word.is_sign(")")
        if depth < 0:
            return False
    return depth == 0


def comparisons(words: list[Token]) -> Iterator[tuple[Token, Token]]:
    """Find the words on either side of every comparison, past parentheses and signs around them.

    Only the nearest word counts: ``n > 6`` gives ``n`` and ``6``. A function call is a word of kind ``call``,
    unless something is computed with what it gives. The parentheses must match.
    """
    partners = _partners(words)
    for at, token in enumerate(words):
        if token.kind in {"sign", "name"} and token.word in _COMPARISONS:
            left, right = _left(words, at, partners), _right(words, at, partners)
            if left is not None and right is not None:
                yield left, right


def _partners(words: list[Token]) -> dict[int, int]:
    """Pair every parenthesis with the one that it closes, or that closes it."""
    partners, opened = dict[int, int](), list[int]()
    for at, token in enumerate(words):
        if token.is_sign("("):
            opened.append(at)
        elif token.is_sign(")"):
            partners[at] = opened.pop()
            partners[partners[at]] = at
    return partners


def _left(words: list[Token], before: int, partners: dict[int, int]) -> Token | None:
    """Find the nearest word on the left of a comparison."""
    for at in range(before - 1, -1, -1):
        if words[at].is_sign(")"):
            name = partners[at] - 1
            if name >= 0 and words[name].kind == "name" and words[name].word not in _BETWEEN_TERMS:
                return _call(words, name, at)
        elif words[at].word not in _BEFORE_OPERANDS:
            return words[at]
    return None


def _right(words: list[Token], behind: int, partners: dict[int, int]) -> Token | None:
    """Find the nearest word on the right of a comparison."""
    for at in range(behind + 1, len(words)):
        if words[at].word not in _BEFORE_OPERANDS:
            called = words[at].kind == "name" and words[at + 1 : at + 2] and words[at + 1].is_sign("(")
            return _call(words, at, partners[at + 1]) if called else words[at]
    return None


def _call(words: list[Token], name: int, end: int) -> Token | None:
    """Make one word of a call; None where it is part of a sum or the like, which is a number in any case."""
    if words[name].word in _OPERATORS:
        return None
    around = [*words[max(name - 1, 0) : name], *words[end + 1 : end + 2]]
    if any(token.is_sign(sign) for token in around for sign in "+-*/%"):
        return None
    return Token("call", words[name].word, words[name].begin, words[end].end)
