"""What the decoder accepts although a record must not have it, looked for in whole blocks.

msgspec does not check the bytes of fields that it skips, and it accepts escaped U+0000, times whose
offset lacks its colon, and identifiers of only blanks. Checking each decoded record for that would
take a step of Python per record. So a block is searched at once, and its texts are checked one by
one only if one of them may have such a gap; most blocks have none.
"""

import re
from typing import Final

import msgspec
from msgspec import Struct

from utility_ts_analytics.records import native
from utility_ts_analytics.records.validation import IS_TIME, RowError

_BARE_OFFSET: Final = re.compile(r"[+-][0-9]{4}\Z", re.ASCII)
_OFFSET: Final = re.compile(rb'(?::[0-9]{2,}|\.[0-9]+)[+-][0-9]{4}"')
_BLANK: Final = re.compile(rb'" [ "\\\x80-\xff]')
_HIDDEN: Final = re.compile(rb"\\u00(?:00|2[bdeBDE]|3[0-9aA])")
"""Escapes of U+0000 and of the characters that a time can end with."""

_BLANK_TEXT: Final = re.compile(
    rb'"(?: |\\[tnrf]|\\u(?:00(?:09|0[a-dA-D]|1[c-fC-F]|20|85|[aA]0)|1680|20[0-9a-fA-F]{2}|3000)'
    rb'|\xc2[\x85\xa0]|\xe1\x9a\x80|\xe2\x80[\x80-\x8a\xa8\xa9\xaf]|\xe2\x81\x9f|\xe3\x80\x80)+"'
)
"""A text of only blanks, as `str.isspace` defines them, in every way to write them."""

_BLANK_STARTS: Final = (b'"\xc2', b'"\xe1', b'"\xe2', b'"\xe3')
_ALIKE: Final = bytes.maketrans(b"-123456789", b"+000000000")
_LETTERS: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz,{}"


class _Time(Struct):
    ts: str


_decode_time: Final = msgspec.json.Decoder(_Time).decode


def needs_plain_path(data: bytes) -> bool:
    """Tell whether some text in `data` may hold what the decoder accepts and the rules do not.

    A yes may be a false alarm, a no never is one. Fixed texts are looked for first: a pattern takes
    as long as the decoder does.
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

    Of the latter only texts that begin with U+0020. The plain version of the compiled function.
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


def lacks_offset_colon(time: str) -> bool:
    """Tell whether a time that msgspec accepts lacks the colon in its offset."""
    return _BARE_OFFSET.search(time) is not None


def error_of_offset(text: bytes, position: int) -> RowError | None:
    """Return the error of a record whose `ts` lacks the colon in its offset (RFC 3339), or None.

    Args:
        text: The record, which was decoded without an error.
        position: Line number from 1, or array index from 0.
    """
    if not lacks_offset_colon(_decode_time(text).ts):
        return None
    return RowError(position, "invalid-timestamp", "ts", f"ts {IS_TIME}")


def _hides_something(data: bytes) -> bool:
    if b"\\u00" in data and _HIDDEN.search(data) is not None:
        return True
    return b'"\\' in data and _BLANK_TEXT.search(data) is not None


_look: Final = native.needs_closer_look or needs_closer_look
