"""The rules of a record beyond its types, and the codes of all errors of rows.

The decoder checks types, lengths and signs by the annotations of the record type. This module has
the rules that msgspec cannot state: the range of `ts`, no U+0000, and no identifier of only blanks
(as `str.isspace` defines them).
"""

import functools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, get_args

from msgspec import Struct

from utility_ts_analytics.records.days import Ends
from utility_ts_analytics.records.reading import TEXT_CHARACTERS_MAX, Reading, fields_of

ParseCode = Literal[
    "invalid-json",
    "invalid-utf8",
    "line-too-long",
    "missing-field",
    "wrong-type",
    "invalid-timestamp",
    "invalid-number",
]
"""The line is not a record: counted in `parse_errors`."""

RuleCode = Literal[
    "timestamp-out-of-range",
    "negative-value",
    "text-length",
    "forbidden-character",
    "sink-rejected",
]
"""The record breaks a rule: counted in `rejected`."""

RowCode = ParseCode | RuleCode
PARSE_CODES: frozenset[str] = frozenset(get_args(ParseCode))
RULE_CODES: frozenset[str] = frozenset(get_args(RuleCode))

TS_MIN = datetime(2000, 1, 1, tzinfo=UTC)
"""First instant that is stored."""
TS_END = datetime(2100, 1, 1, tzinfo=UTC)
"""First instant that is no longer stored."""

NOT_EMPTY: Final = "must not be empty"
NOT_BLANK: Final = "must not be only blanks"
NOT_TOO_LONG: Final = f"must not be over {TEXT_CHARACTERS_MAX} characters"
NOT_NEGATIVE: Final = "must not be negative unless source.allow_negative = true"
FITS_FLOAT: Final = "must fit a 64-bit float"
TIME_EXAMPLE: Final = "such as 2024-01-01T00:00:00+01:00"
HAS_OFFSET: Final = f"must have an offset, {TIME_EXAMPLE}"
IS_TIME: Final = f"must be an RFC 3339 time with an offset, {TIME_EXAMPLE}"
NO_NUL: Final = "text must not hold U+0000"


class RowError(Struct, frozen=True, gc=False):
    """Why one line or array element was refused.

    Attributes:
        position: Line number from 1, or array index from 0.
        code: One of the closed set of codes.
        field: The field at fault, if one is.
        detail: One short sentence. Never holds a value from the record.
    """

    position: int
    code: RowCode
    field: str | None
    detail: str


def latest_ts(now_ns: int, max_future_minutes: int) -> datetime:
    """Return the first instant that is too late for a reading.

    Args:
        now_ns: Wall time, nanoseconds since 1970-01-01 UTC.
        max_future_minutes: How far ahead of it a reading may be, minutes; 0 = no limit.
    """
    return _latest_ts(now_ns // 1_000_000_000, max_future_minutes)


@functools.lru_cache(maxsize=8)
def _latest_ts(now_s: int, max_future_minutes: int) -> datetime:
    if max_future_minutes == 0:
        return TS_END
    now = datetime.fromtimestamp(now_s, tz=UTC)
    return min(TS_END, now + timedelta(minutes=max_future_minutes, seconds=1))


def all_in_range(ends: Sequence[Ends], ts_end: datetime) -> bool:
    """Tell whether the `ts` of all rows with these ends are in [2000-01-01, `ts_end`)."""
    for earliest, latest in ends:  # noqa: SIM110 - `all` takes 1 us more, for each small post
        if earliest < TS_MIN or latest >= ts_end:
            return False
    return True


def range_detail(ts_end: datetime, *, too_late: bool) -> str:
    """Say why a `ts` outside of [2000-01-01, `ts_end`) is refused."""
    if too_late and ts_end != TS_END:
        end = ts_end.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return (
            f"ts is further in the future than max_future_minutes allows: it must be before {end}"
        )
    return "ts must be from 2000-01-01 up to, not including, 2100-01-01"


def broken_rule(row: Reading, position: int, ts_end: datetime) -> RowError | None:
    """Return the first rule that a decoded record breaks, in field order, or None."""
    if not TS_MIN <= row.ts < ts_end:
        detail = range_detail(ts_end, too_late=row.ts >= ts_end)
        return RowError(position, "timestamp-out-of-range", "ts", detail)
    for field in fields_of(type(row)):
        value = getattr(row, field.name)
        if not isinstance(value, str):
            continue
        if "\x00" in value:
            return RowError(position, "forbidden-character", field.name, NO_NUL)
        if field.is_identifier and value.isspace():
            return RowError(position, "text-length", field.name, f"{field.name} {NOT_BLANK}")
    return None
