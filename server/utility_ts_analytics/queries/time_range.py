"""The span of time that a question is about."""

from dataclasses import dataclass
from datetime import datetime

from utility_ts_analytics.queries.literals import in_utc, quote_timestamp


@dataclass(frozen=True, slots=True)
class TimeRange:
    """The half-open range [`start`, `end`) of time.

    Attributes:
        start: First instant inside; aware; kept in UTC whatever zone was given.
        end: First instant outside; aware, later than `start`; kept in UTC.

    Raises:
        ValueError: A time is naive, or `end` is not later than `start`.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        # In UTC first: Python compares two times of one zone by their wall clocks, and so takes the
        # two passes of the repeated autumn hour for one.
        object.__setattr__(self, "start", in_utc(self.start))
        object.__setattr__(self, "end", in_utc(self.end))
        if self.end <= self.start:
            msg = (
                f"cannot make a time range from {self.start.isoformat()} to {self.end.isoformat()}:"
                " it must end later than it starts"
            )
            raise ValueError(msg)

    def covers_sql(self, column: str) -> str:
        """Return the condition that `column`, a TIMESTAMP such as `mu.ts`, lies in the range.

        Compared as it is: a function around `ts` would lose QuestDB's interval scan.
        """
        # Not BETWEEN: QuestDB includes both its bounds.
        start, end = quote_timestamp(self.start), quote_timestamp(self.end)
        return f"{column} >= {start} AND {column} < {end}"
