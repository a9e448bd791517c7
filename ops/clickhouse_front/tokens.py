"""ClickHouse SQL cut into words and signs, with literals and comments kept out of the way."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

_SKIPPED = re.compile(rb"(?:\s++|--[^\n]*+|#[ !][^\n]*+)++")
_COMMENT_MARK = re.compile(rb"/\*|\*/")
_HEREDOC = re.compile(rb"\$\w*+\$")
_WORD = re.compile(rb"\w++")
_QUOTED = {
    b"'": re.compile(rb"'(?:[^'\\]++|\\.|'')*+'", re.DOTALL),
    b'"': re.compile(rb'"(?:[^"\\]++|\\.|"")*+"', re.DOTALL),
    b"`": re.compile(rb"`(?:[^`\\]++|\\.|``)*+`", re.DOTALL),
}


class Kind(Enum):
    WORD = "word"  # a bare identifier, keyword or number
    QUOTED = "quoted"  # a string, a quoted identifier or a heredoc
    SIGN = "sign"  # one byte of anything else


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """`text` is in capitals for a word; `depth` counts the brackets around the token."""

    kind: Kind
    text: bytes
    start: int
    end: int
    depth: int

    def is_word(self, *texts: bytes) -> bool:
        return self.kind is Kind.WORD and self.text in texts

    def is_sign(self, text: bytes) -> bool:
        return self.kind is Kind.SIGN and self.text == text


def tokens(sql: bytes, start: int = 0) -> Iterator[Token]:
    """Every token from `start` on. An unclosed literal comes as signs; the engine refuses it."""
    position, depth = start, 0
    while (position := _after_skipped(sql, position)) < len(sql):
        kind, end = _next(sql, position)
        text = sql[position:end]
        if kind is Kind.SIGN and text in b")]}":
            depth = max(0, depth - 1)
        yield Token(
            kind=kind,
            text=text.upper() if kind is Kind.WORD else text,
            start=position,
            end=end,
            depth=depth,
        )
        if kind is Kind.SIGN and text in b"([{":
            depth += 1
        position = end


def _next(sql: bytes, position: int) -> tuple[Kind, int]:
    first = sql[position : position + 1]
    if (word := _WORD.match(sql, position)) is not None:
        return Kind.WORD, word.end()
    if first in _QUOTED and (literal := _QUOTED[first].match(sql, position)) is not None:
        return Kind.QUOTED, literal.end()
    if first == b"$" and (mark := _HEREDOC.match(sql, position)) is not None:
        closing = sql.find(mark[0], mark.end())
        if closing >= 0:
            return Kind.QUOTED, closing + len(mark[0])
    return Kind.SIGN, position + 1


def _after_skipped(sql: bytes, position: int) -> int:
    """The first position behind white space and comments; block comments nest."""
    while True:
        blank = _SKIPPED.match(sql, position)
        if blank is not None:
            position = blank.end()
        elif sql.startswith(b"/*", position):
            position = _after_comment(sql, position)
        else:
            return position


def _after_comment(sql: bytes, position: int) -> int:
    depth = 0
    for mark in _COMMENT_MARK.finditer(sql, position):
        depth += 1 if mark[0] == b"/*" else -1
        if depth == 0:
            return mark.end()
    return len(sql)
