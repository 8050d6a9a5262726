"""The standard library's JSON as the oracle for the decoder."""

import json
import re
from datetime import UTC, datetime, timedelta

import msgspec

from utility_ts_analytics.reading.ndjson import Decoded
from utility_ts_analytics.records.reading import Reading

_DEEP = 200
"""Nesting beyond this is a matter of each decoder's stack."""
_RFC_3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d+))?(?:([Zz])|([+-]\d\d:\d\d))", re.ASCII
)
_BLANKS = b" \t\r\n"


def assert_same_as_plain_json(text: bytes, alone: Decoded) -> None:
    """Compare the decoder's result for one line with an ordinary JSON parser's."""
    if not text.strip(_BLANKS) or _is_deep(text):
        return
    value = _parsed(text)
    if alone.errors:
        if alone.errors[0].code == "invalid-utf8":
            assert isinstance(value, UnicodeDecodeError), value
        elif alone.errors[0].code == "invalid-json":
            assert isinstance(value, Exception) or _has_lone_surrogate(value), value
        return
    assert isinstance(value, dict), value
    _assert_same_values(value, alone.rows[0])


def _is_deep(text: bytes) -> bool:
    return text.count(b"[") + text.count(b"{") > _DEEP


def _parsed(text: bytes) -> object:
    """Return the value, or the exception that says that there is none."""
    try:
        return json.loads(text.decode(), parse_constant=_no_constant, parse_int=float)
    except ValueError as error:
        return error


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _has_lone_surrogate(value: object) -> bool:
    """Tell whether a text has half of an escaped pair: Python keeps it, UTF-8 cannot hold it."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def _assert_same_values(record: dict[str, object], row: Reading) -> None:
    for info in msgspec.structs.fields(row):
        given, taken = record.get(info.name), getattr(row, info.name)
        if isinstance(taken, datetime):
            assert isinstance(given, str)
            assert taken == _instant(given), (given, taken)
        elif info.name == "event_id":
            assert given is None or isinstance(given, str)
        elif taken is None or isinstance(taken, str):
            assert taken == given, (info.name, given, taken)
        else:
            assert isinstance(given, float)
            assert taken == given, (info.name, given, taken)


def _instant(text: str) -> datetime:
    """Read an RFC 3339 time; digits beyond the microsecond are rounded."""
    match = _RFC_3339.fullmatch(text)
    assert match is not None, f"{text!r} is no RFC 3339 time"
    day, clock, fraction, zulu, offset = match.groups()
    leap = clock.endswith(":60")
    second = datetime.fromisoformat(
        f"{day}T{clock[:-2] + '59' if leap else clock}{'+00:00' if zulu else offset}"
    )
    microseconds = round(float(f"0.{fraction}") * 1_000_000) if fraction else 0
    return (second + timedelta(seconds=leap, microseconds=microseconds)).astimezone(UTC)
