"""The time range of a question."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime

from utility_ts_analytics.queries.literals import in_utc, quote_timestamp

_ISO = re.compile(r"[0-9W-]{7,10}(?:[T ][0-9:.,]+(?:Z|[+-][0-9:]+)?)?", re.ASCII)
_AS_GIVEN = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?(?:Z|[+-][0-9]{2}:[0-9]{2})?)?)?",
    re.ASCII,
)
"""Forms of ISO 8601 that QuestDB 9.3.4 reads as Python does. `2024-01-01T00:00Z` is none, nor are
`20240101T000000Z` and week dates (`test_text_means_the_same_to_questdb`)."""


@dataclass(frozen=True, slots=True, init=False)
class TimeRange:
    """The half-open range [`start`, `end`) of time.

    Attributes:
        start: First instant inside; aware; kept in UTC whatever zone was given.
        end: First instant outside; aware, later than `start`; kept in UTC.

    Args:
        start: An aware time, or a text in ISO 8601 such as `2024-01-01T00:00:00Z` or `2024-01-01`;
            a text without an offset is UTC, as it is to QuestDB.
        end: The same.

    Raises:
        ValueError: A time is naive, a text is no time in ISO 8601, or `end` is not later than
            `start`.
    """

    start: datetime
    end: datetime
    _start_sql: str = field(init=False, repr=False, compare=False)
    _end_sql: str = field(init=False, repr=False, compare=False)

    def __init__(self, start: datetime | str, end: datetime | str) -> None:
        # In UTC first: Python compares two times of one zone by their wall clocks, and so takes the
        # two passes of the repeated autumn hour for one.
        for name, given in (("start", start), ("end", end)):
            instant = _parsed(given) if isinstance(given, str) else in_utc(given)
            object.__setattr__(self, name, instant)
            object.__setattr__(self, f"_{name}_sql", _literal(given, instant))
        if self.end <= self.start:
            msg = (
                f"cannot make a time range from {self.start.isoformat()} to {self.end.isoformat()}:"
                " it must end later than it starts"
            )
            raise ValueError(msg)

    def covers_sql(self, column: str) -> str:
        """Return the condition that `column`, a TIMESTAMP such as `mu.ts`, lies in the range.

        A bound that was given as text is written as it was given, if QuestDB can read it.
        Compared as it is: a function around `ts` would lose QuestDB's interval scan.
        """
        # Not BETWEEN: QuestDB includes both its bounds.
        return f"{column} >= {self._start_sql} AND {column} < {self._end_sql}"


def _parsed(text: str) -> datetime:
    """Return the instant of a text in ISO 8601, in UTC."""
    msg = f"cannot use time {text!r}: it is no ISO 8601 time such as 2024-01-01T00:00:00Z"
    if _ISO.fullmatch(text.upper()) is None:
        raise ValueError(msg)
    try:
        instant = datetime.fromisoformat(text.upper())
    except ValueError as cause:
        raise ValueError(msg) from cause
    return in_utc(instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC))


def _literal(given: datetime | str, instant: datetime) -> str:
    """Return a bound for SQL: a text as it was given, if QuestDB can read it."""
    if isinstance(given, str) and _AS_GIVEN.fullmatch(given) is not None:
        return f"'{given}'"
    return quote_timestamp(instant)
