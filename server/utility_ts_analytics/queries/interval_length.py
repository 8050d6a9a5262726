"""The length of the metering interval, on which every step from energy to power and back hangs."""

from dataclasses import dataclass

_DAY_MINUTES = 1440


@dataclass(frozen=True, slots=True)
class IntervalLength:
    """How long one interval is.

    Attributes:
        minutes: A whole part of a day, 1..1440, so that intervals begin at midnight UTC.

    Raises:
        ValueError: Some other number.
    """

    minutes: int

    def __post_init__(self) -> None:
        if not 1 <= self.minutes <= _DAY_MINUTES or _DAY_MINUTES % self.minutes:
            raise ValueError(
                f"cannot use an interval of {self.minutes} minutes: it must be a whole part of a"
                " day, such as 15, 30 or 60"
            )

    @property
    def hours_sql(self) -> str:
        """The length in hours, as a number with a fraction."""
        return repr(self.minutes / 60.0)

    def start_sql(self, column: str) -> str:
        """Return the start of the interval that the TIMESTAMP `column` lies in."""
        return f"timestamp_floor('{self.minutes}m', {column})"
