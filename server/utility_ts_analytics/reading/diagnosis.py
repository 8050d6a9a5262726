"""What is wrong with a text that did not decode to a record, in our own words.

msgspec says it in English; each of its messages is mapped here, and pinned by a test so that a
new version cannot change them unseen. Nothing of the record's content gets into the result: known
field names only.
"""

import re
from functools import lru_cache
from typing import Final

import msgspec

from utility_ts_analytics.records.validation import (
    FITS_FLOAT,
    NOT_EMPTY,
    NOT_NEGATIVE,
    NOT_TOO_LONG,
    RowCode,
    RowError,
)

TOO_DEEP: Final = "the text is nested too deeply"

_BYTE: Final = re.compile(r"\(byte (\d+)\)")
_AT: Final = re.compile(r"(?P<what>.*?)(?: - at `\$\.(?P<field>\w+)`)?")
_MISSING: Final = re.compile(r"Object missing required field `(\w+)`")
_WRONG_TYPE: Final = re.compile(r"Expected `([^`]+)`, got `[^`]+`")

_RULES: Final[dict[str, tuple[RowCode, str]]] = {
    "Number out of range": ("invalid-number", FITS_FLOAT),
    "Expected `float` >= 0.0": ("negative-value", NOT_NEGATIVE),
    "Expected `str` of length >= 1": ("text-length", NOT_EMPTY),
    "Expected `str` of length <= 256": ("text-length", NOT_TOO_LONG),
    "Invalid RFC3339 encoded datetime": (
        "invalid-timestamp",
        "must be an RFC 3339 time with an offset",
    ),
    "Expected `datetime` with a timezone component": ("invalid-timestamp", "must have an offset"),
}
_TYPES: Final = {
    "object": "a record must be a JSON object",
    "datetime": "must be an RFC 3339 text",
    "float": "must be a number",
    "float | null": "must be a number or null",
    "str": "must be text",
    "str | null": "must be text or null",
}


def malformed(text: bytes) -> str | None:
    """Say in one sentence why `text` is not one JSON value, or return None if it is one.

    Bytes inside strings are not looked at: UTF-8 is for the caller to check.
    """
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except RecursionError:
        return TOO_DEEP
    except msgspec.DecodeError as error:
        place = _BYTE.search(str(error))
        if place is None:
            return "the text ends before its JSON does"
        return f"the text stops being JSON near byte {place[1]}, counted from 0"
    return None


def diagnose(text: bytes, error: Exception, position: int) -> RowError:
    """Turn a decoder's failure into the code, field and sentence that the client gets.

    Args:
        text: What was decoded; neither blank nor held afterwards.
        error: What the decoder of the stream's record type raised.
        position: Line number from 1, or array index from 0.

    Raises:
        AssertionError: The decoder said something that is not known here.
    """
    # A torn line may fail on the type of an early field: the tear is the better news.
    fault = malformed(text)
    if fault is not None:
        return RowError(position, "invalid-json", None, fault)
    if isinstance(error, RecursionError):
        return RowError(position, "invalid-json", None, TOO_DEEP)
    if isinstance(error, UnicodeDecodeError):
        return invalid_utf8(position)
    code, field, detail = _broken_type(str(error))
    return RowError(position, code, field, detail)


def invalid_utf8(position: int) -> RowError:
    """Return the error of a text that is not UTF-8 throughout (RFC 8259 section 8.1)."""
    return RowError(position, "invalid-utf8", None, "the text is not UTF-8")


@lru_cache(maxsize=256)
def _broken_type(message: str) -> tuple[RowCode, str | None, str]:
    """Return code, field and sentence for a decoder's message; there are few different ones."""
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
    demand = _TYPES[wrong[1]]
    return "wrong-type", field, f"{field} {demand}" if field else demand
