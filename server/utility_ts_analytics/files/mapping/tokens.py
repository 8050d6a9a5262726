"""The parts of a SQL statement, as DuckDB tells them."""

import json
import re
from itertools import accumulate, pairwise
from typing import Any, Final, NamedTuple

import duckdb

_WORD: Final = re.compile(r'[^\W\d]\w*|"(?:[^"]|"")*"|\$\s*\w+|[()\[\]{},]')


class Token(NamedTuple):
    """A part of a statement.

    Attributes:
        text: A word, as it is written, or one of `()[]{},`; else empty.
        start: Of its characters, from 0.
        end: Of them, exclusive; `start` where there is no text.
        kind: One of `duckdb.token_type`.
    """

    text: str
    start: int
    end: int
    kind: object


def tokens_of(text: str) -> list[Token]:
    """Return the tokens of a statement, in order."""
    found: list[Token] = []
    end = 0
    for start, kind in _token_places(text):
        if start < end:
            continue  # `path` of `$path`
        word = ""
        if kind != duckdb.token_type.string_const:
            match = _WORD.match(text, start)
            word = match[0] if match is not None else ""
        end = start + len(word)
        found.append(Token(word, start, end, kind))
    return found


# What DuckDB's parser takes for a blank, and its tokenizer for a letter.
_WIDE_BLANK: Final = re.compile('("(?:[^"]|"")*")|[\u00a0\u2000-\u200b\u202f\u205f\u3000\ufeff]')


def without_comments(text: str) -> str:
    """Return a statement with plain blanks in the place of its comments and of wide blanks.

    Its lines stay, and so does what is quoted.
    """
    places = [*_token_places(text), (len(text), None)]
    parts: list[str] = []
    end = 0
    for (start, kind), (stop, _) in pairwise(places):
        if kind == duckdb.token_type.comment:
            parts += [text[end:start], re.sub(r"[^\n]", " ", text[start:stop])]
            end = stop
        elif kind == duckdb.token_type.identifier:
            parts += [text[end:start], _WIDE_BLANK.sub(_plain_blank, text[start:stop])]
            end = stop
    return "".join([*parts, text[end:]])


def _plain_blank(found: re.Match[str]) -> str:
    return found[1] or " "


def _token_places(text: str) -> list[tuple[int, object]]:
    """Return where each token begins, in characters, and its kind."""
    tokens = duckdb.tokenize(text)
    if text.isascii():
        return list(tokens)
    # DuckDB counts bytes.
    sizes = (len(sign.encode()) for sign in text)
    characters = {start: index for index, start in enumerate(accumulate(sizes, initial=0))}
    return [(characters[start], kind) for start, kind in tokens]


def one_line(message: str) -> str:
    """Return what DuckDB says, without its drawing of the statement."""
    return " ".join(message.split("\n\n")[0].split())


def tree_of(sql: str) -> dict[str, Any]:
    """Return what DuckDB's parser makes of a statement; nothing of it is run.

    Raises:
        RecursionError: It is nested too deeply.
    """
    # All rows: an answer that is left open keeps this connection, which all of DuckDB's own share.
    [(text,)] = duckdb.execute("SELECT json_serialize_sql($1)", [sql]).fetchall()
    tree: dict[str, Any] = json.loads(text)
    return tree
