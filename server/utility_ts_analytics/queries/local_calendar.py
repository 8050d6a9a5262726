"""Local time in SQL text: a grid of instants of a range, each with its local labels.

Readings take the labels of the last grid point at or before them, by an ASOF JOIN. So labels are
worked out once per grid point, not once per reading (docs/decisions/0021-local-labels.md), and
nothing is sampled by local time: QuestDB's sub-day SAMPLE BY with a time zone merges the repeated
hour of autumn. Each grid point has a wall clock of its own: the repeated hour is there twice, the
missing one not at all.
"""

import re
import zoneinfo
from datetime import UTC, datetime, timedelta

from utility_ts_analytics.queries.literals import quote_text, quote_timestamp
from utility_ts_analytics.queries.time_range import TimeRange

_ZONE = re.compile(r"[A-Za-z0-9_+/-]{1,64}")
_MINUTE = timedelta(minutes=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

LOCAL_DAY = "timestamp_floor('d', local)"
"""Midnight of the local date of a grid point, without a zone."""
LOCAL_MINUTE = "hour(local) * 60 + minute(local)"
"""Minute of the local day by the wall clock, 0..1439."""


QUARTER_MINUTES = 15
"""Local clocks are whole quarters of an hour apart from UTC."""


def from_whole_step(time_range: TimeRange, step_minutes: int) -> TimeRange:
    """Return the range, begun early enough to begin on a whole step of UTC."""
    over = (time_range.start - _EPOCH) % timedelta(minutes=step_minutes)
    return TimeRange(time_range.start - over, time_range.end)


def grid_sql(time_range: TimeRange, step_minutes: int, zone: str, labels: str) -> str:
    """Return a sub-query in brackets: the instants from the start of the range on, in order.

    DISTINCT makes QuestDB keep the rows: without it an ASOF JOIN works out the labels again for
    each reading, which took four times as long.

    Result columns: `ts` (UTC; the designated timestamp), `slot` (its index, from 0), and `labels`.

    Args:
        time_range: Its start is the first instant; the last is before its end.
        step_minutes: From one to the next, 1..1440.
        zone: Name of the local time, such as `Europe/Berlin`.
        labels: Further columns, written with `local`, the wall clock as a TIMESTAMP, and `ts`. No
            texts: QuestDB 9.3.4 refuses a STRING column on the right of an ASOF JOIN.

    Raises:
        ValueError: The zone is unknown.
    """
    step = step_minutes * _MINUTE
    count = -((time_range.start - time_range.end) // step)  # rounded up
    return (  # every part is a number, a constant of a builder or quoted
        f"(SELECT * FROM (SELECT DISTINCT ts, slot, {labels} FROM ("  # noqa: S608
        f"SELECT ts, slot, to_timezone(ts, {zone_literal(zone)}) AS local FROM ("
        f"SELECT x - 1 AS slot, {quote_timestamp(time_range.start)}::timestamp"
        f" + (x - 1) * {step // timedelta(microseconds=1)} AS ts"
        f" FROM long_sequence({count}))) ORDER BY ts) TIMESTAMP(ts))"
    )


def zone_literal(zone: str) -> str:
    """Return the name of a time zone as a literal.

    Raises:
        ValueError: It is no name of the IANA time zone database.
    """
    try:
        known = _ZONE.fullmatch(zone) is not None and zoneinfo.ZoneInfo(zone) is not None
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        known = False
    if not known:
        msg = (
            f"cannot use {zone!r} as a time zone: give a name of the IANA database, such as"
            " Europe/Berlin (a system without that database needs the package tzdata)"
        )
        raise ValueError(msg)
    return quote_text(zone)
