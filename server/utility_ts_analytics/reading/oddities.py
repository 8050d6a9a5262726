"""What the decoder lets through although a record must not have it, seen in whole blocks.

msgspec does not look at the bytes of fields that it skips, and takes U+0000 where it is escaped,
times whose offset lacks its colon, and identifiers of blanks. No record that was decoded shows any
of that without a step of Python for each, so a block is asked whether one of its texts may have it.
Most have none.
"""

import re
from typing import Final

import msgspec
from msgspec import Struct

from utility_ts_analytics.records import native
from utility_ts_analytics.records.validation import RowError

_BARE_OFFSET: Final = re.compile(r"[+-][0-9]{4}\Z", re.ASCII)
_OFFSET: Final = re.compile(rb'(?::[0-9]{2,}|\.[0-9]+)[+-][0-9]{4}"')
_BLANK: Final = re.compile(rb'" [ "\\\x80-\xff]')
_HIDDEN: Final = re.compile(rb"\\u00(?:00|2[bdeBDE]|3[0-9aA])")
"""Escapes of U+0000 and of what the end of a time is written with."""

_BLANK_TEXT: Final = re.compile(
    rb'"(?: |\\[tnrf]|\\u(?:00(?:09|0[a-dA-D]|1[c-fC-F]|20|85|[aA]0)|1680|20[0-9a-fA-F]{2}|3000)'
    rb'|\xc2[\x85\xa0]|\xe1\x9a\x80|\xe2\x80[\x80-\x8a\xa8\xa9\xaf]|\xe2\x81\x9f|\xe3\x80\x80)+"'
)
"""A text of nothing but what `str.isspace` calls a blank, in any way to write it."""

_BLANK_STARTS: Final = (b'"\xc2', b'"\xe1', b'"\xe2', b'"\xe3')
_ALIKE: Final = bytes.maketrans(b"-123456789", b"+000000000")
_LETTERS: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz,{}"


class _Spelling(Struct):
    ts: str


_decode_spelling: Final = msgspec.json.Decoder(_Spelling).decode


def is_odd(data: bytes) -> bool:
    """Tell whether some text in `data` may hold what the decoder lets through.

    May say yes for nothing, never no in error. Fixed texts are looked for first: a pattern takes as
    long as the decoder does.
    """
    if b"\\" in data and _hides_something(data):
        return True
    if not data.isascii():
        if not is_utf8(data):
            return True
        if any(start in data for start in _BLANK_STARTS) and _BLANK_TEXT.search(data):
            return True
    return _look(data)


def needs_closer_look(data: bytes) -> bool:
    """Tell whether `data` has a time without the colon in its offset, or a text that may be blank.

    Only such texts as begin with a plain blank; the plain version of the compiled one.
    """
    if _BLANK.search(data) is not None:
        return True
    # The pattern alone takes as long as the decoder: a fixed text says first if there may be one.
    alike = data.translate(_ALIKE, _LETTERS)
    return b'0+0000"' in alike and _OFFSET.search(data) is not None


def is_utf8(data: bytes) -> bool:
    """Tell whether all of `data` is UTF-8."""
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def is_misspelt(time: str) -> bool:
    """Tell whether a time that msgspec takes lacks the colon in its offset."""
    return _BARE_OFFSET.search(time) is not None


def misspelt_time(text: bytes, position: int) -> RowError | None:
    """Return the error of a record whose `ts` the decoder took, though RFC 3339 does not.

    Args:
        text: The record, which was decoded without an error.
        position: Line number from 1, or array index from 0.
    """
    if not is_misspelt(_decode_spelling(text).ts):
        return None
    detail = "ts must be an RFC 3339 time with an offset"
    return RowError(position, "invalid-timestamp", "ts", detail)


def _hides_something(data: bytes) -> bool:
    if b"\\u00" in data and _HIDDEN.search(data) is not None:
        return True
    return b'"\\' in data and _BLANK_TEXT.search(data) is not None


_look: Final = native.needs_closer_look or needs_closer_look
