"""What a report is asked about, and the connection that its figures come over."""

from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

import polars as pl

from utility_ts_analytics.database.pool import Connection
from utility_ts_analytics.database.reads import Query, fetch_polars
from utility_ts_analytics.database.typed_query import RowT
from utility_ts_analytics.queries.balance_intervals import ReadingLengths
from utility_ts_analytics.queries.tariff_calendar import (
    DAY_MINUTES,
    Season,
    TariffCalendar,
    Window,
)
from utility_ts_analytics.queries.time_range import TimeRange

ROWS_MAX = 200_000
"""Of one answer; all are added up by the database, none has a row per reading."""
QUERY_TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True)
class Asked:
    """One period of one database.

    Attributes:
        connection: Asked one question at a time.
        time_range: The period.
        zone: Local time of days and axes.
        lengths: Of the readings, in minutes; of meters 15, 30 or 60.
        calendar: The tariff.
        tariff_given: Whether somebody chose it.
        _answers: To what was asked already, by SQL: sections share some.
    """

    connection: Connection
    time_range: TimeRange
    zone: ZoneInfo
    lengths: ReadingLengths
    calendar: TariffCalendar
    tariff_given: bool = False
    _answers: dict[str, pl.DataFrame] = field(default_factory=dict)

    async def frame(self, sql: str, row_type: type[RowT]) -> pl.DataFrame:
        """Return the answer as columns named as the fields of `row_type`; asked once.

        Raises:
            QuestDBUnavailable: No answer.
            StatementRefused: The server said no, such as for a table that is not there.
            OperatorError: The answer has other columns, or over `ROWS_MAX` rows.
        """
        if sql not in self._answers:
            self._answers[sql] = await fetch_polars(
                self.connection,
                Query(sql, row_type),
                rows_max=ROWS_MAX,
                timeout_s=QUERY_TIMEOUT_S,
            )
        return self._answers[sql]


def day_and_night(zone: str) -> TariffCalendar:
    """Return the calendar for those who have not given one: day is 07:00 to 23:00."""
    windows = (
        Window("day", 7 * 60, 23 * 60),
        Window("night", 0, 7 * 60),
        Window("night", 23 * 60, DAY_MINUTES),
    )
    every_day = {"weekday": windows, "saturday": windows, "sunday": windows}
    return TariffCalendar(zone, (Season("all year", (1, 1), (12, 31), every_day),))  # type: ignore[arg-type] # its keys are day types
