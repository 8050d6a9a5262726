"""From a decoder's failure to the error of the line: code, field and sentence.

Each message of msgspec is mapped here, and a test pins it, so that a new version cannot change one
unnoticed. A result names fields of the record type and what `wrong_formats` recognises; it never
holds other content of the record.
"""

import re
from functools import lru_cache
from typing import Final

import msgspec

from utility_ts_analytics.reading import wrong_formats
from utility_ts_analytics.reading.lines import LongLine
from utility_ts_analytics.records.validation import (
    FITS_FLOAT,
    HAS_OFFSET,
    IS_TIME,
    NOT_EMPTY,
    NOT_NEGATIVE,
    NOT_TOO_LONG,
    TIME_EXAMPLE,
    RowCode,
    RowError,
)

TOO_DEEP: Final = "the text is nested too deeply"

_ENDS_EARLY: Final = "the text ends before its JSON does"
_AT: Final = re.compile(r"(?P<what>.*?)(?: - at `\$\.(?P<field>\w+)`)?")
_MISSING: Final = re.compile(r"Object missing required field `(\w+)`")
_WRONG_TYPE: Final = re.compile(r"Expected `([^`]+)`, got `([^`]+)`")

_RULES: Final[dict[str, tuple[RowCode, str]]] = {
    "Number out of range": ("invalid-number", FITS_FLOAT),
    "Expected `float` >= 0.0": ("negative-value", NOT_NEGATIVE),
    "Expected `str` of length >= 1": ("text-length", NOT_EMPTY),
    "Expected `str` of length <= 256": ("text-length", NOT_TOO_LONG),
    "Invalid RFC3339 encoded datetime": ("invalid-timestamp", IS_TIME),
    "Expected `datetime` with a timezone component": ("invalid-timestamp", HAS_OFFSET),
}
_TYPES: Final = {
    "object": "a record must be a JSON object",
    "datetime": f"must be an RFC 3339 text, {TIME_EXAMPLE}",
    "float": "must be a number",
    "float | null": "must be a number or null",
    "str": "must be text",
    "str | null": "must be text or null",
}
_QUOTES: Final = {
    ("float", "str"): "must be a number, without quotes",
    ("float | null", "str"): "must be a number, without quotes, or null",
    **dict.fromkeys(
        (("str", "int"), ("str", "float")),
        "must be text, in double quotes",
    ),
    **dict.fromkeys(
        (("str | null", "int"), ("str | null", "float")),
        "must be text, in double quotes, or null",
    ),
}
"""By the type that is wanted and the type that came, where quotes are the difference."""


def malformed(text: bytes) -> str | None:
    """Say in one sentence why `text` is not one JSON value, or return None if it is one.

    The bytes inside strings are not checked: the caller checks UTF-8.
    """
    message = _json_error(text)
    return None if message is None else _broken_json(text, message, look_closer=True)


def diagnose(text: bytes, error: Exception, position: int, *, look_closer: bool = True) -> RowError:
    """Turn a decoder's failure into the code, field and sentence that the client gets.

    Args:
        text: What was decoded; not blank. Not held afterwards.
        error: What the decoder of the stream's record type raised.
        position: Line number from 1, or array index from 0.
        look_closer: Whether to ask `wrong_formats` what the text is; that takes three times as long
            as all the rest. Code and field do not depend on it.

    Raises:
        AssertionError: The decoder's message is not known here.
    """
    # A torn line may fail on the type of an early field: the tear says more.
    message = _json_error(text)
    if message is not None:
        detail = _broken_json(text, message, look_closer=look_closer)
        if detail is _ENDS_EARLY and look_closer:
            detail = wrong_formats.of_torn_line(text) or detail
        return RowError(position, "invalid-json", None, detail)
    if isinstance(error, RecursionError):
        return RowError(position, "invalid-json", None, TOO_DEEP)
    if isinstance(error, UnicodeDecodeError):
        return invalid_utf8(position, text if look_closer else b"")
    code, field, detail = _broken_type(str(error))
    if not look_closer:
        return RowError(position, code, field, detail)
    if code == "missing-field" and field is not None:
        known = wrong_formats.of_incomplete(text) or wrong_formats.of_missing(text, field)
        detail = f"{detail}; {known}" if known else detail
    elif code == "wrong-type" and field is None:
        detail = wrong_formats.of_no_object(text) or detail
    return RowError(position, code, field, detail)


def invalid_utf8(position: int, text: bytes = b"") -> RowError:
    """Return the error of a text that is not UTF-8 throughout (RFC 8259 section 8.1).

    Args:
        position: Line number from 1, or array index from 0.
        text: The text, to say in which encoding it is; empty to leave that out.
    """
    known = None
    if text:
        known = wrong_formats.of_foreign(wrong_formats.head_of(text)) or wrong_formats.of_bad_utf8(
            bytes(text)
        )
    return RowError(position, "invalid-utf8", None, known or "the text is not UTF-8")


def over_long(line: LongLine, max_line_bytes: int) -> RowError:
    """Return the error of a line over `max_line_bytes` bytes; says what the line is, if known."""
    detail = f"the line is over {max_line_bytes} bytes (max_line_bytes)"
    message = _json_error(line.head)
    place = None if message is None else _place(message)
    known = wrong_formats.of_torn_line(line.head) or (
        place and wrong_formats.of_malformed(line.head, *place)
    )
    return RowError(line.line, "line-too-long", None, f"{detail}: {known}" if known else detail)


def _json_error(text: bytes) -> str | None:
    """Return what the decoder says of a text that is not one JSON value, or `TOO_DEEP`."""
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except RecursionError:
        return TOO_DEEP
    except msgspec.DecodeError as error:
        return str(error)
    return None


def _broken_json(text: bytes, message: str, *, look_closer: bool) -> str:
    """Say in one sentence why `text` is not JSON, or what it is, where that is known."""
    if message is TOO_DEEP:
        return message
    place = _place(message)
    if place is None:
        return _ENDS_EARLY
    known = wrong_formats.of_malformed(text, *place) if look_closer else None
    if known is not None and known not in wrong_formats.PLACED:
        return known
    return f"{known or 'the text stops being JSON'} near byte {place[0]}, counted from 0"


def _place(message: str) -> tuple[int, bool] | None:
    """Return where a text stops being JSON, and whether a complete value stands before that.

    None where the text ends before its JSON does, or is nested too deeply.
    """
    what, found, number = message.rpartition(" (byte ")
    if not found:
        return None
    # Behind a complete value, the message counts the surplus byte too.
    behind_value = what.endswith("trailing characters")
    return int(number[:-1]) - behind_value, behind_value


@lru_cache(maxsize=256)
def _broken_type(message: str) -> tuple[RowCode, str | None, str]:
    """Return code, field and sentence for a decoder's message; there are few different messages."""
    parts = _AT.fullmatch(message)
    if parts is None:
        raise AssertionError("a decoder message is not known")
    what, field = parts["what"], parts["field"]
    if (missing := _MISSING.fullmatch(what)) is not None:
        return "missing-field", missing[1], f"{missing[1]} is required"
    if what in _RULES:
        code, demand = _RULES[what]
        return code, field, f"{field} {demand}"
    wrong = _WRONG_TYPE.fullmatch(what)
    if wrong is None or wrong[1] not in _TYPES:
        raise AssertionError("a decoder message is not known")
    demand = _QUOTES.get((wrong[1], wrong[2]), _TYPES[wrong[1]])
    return "wrong-type", field, f"{field} {demand}" if field else demand
