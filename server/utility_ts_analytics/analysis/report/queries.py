"""The questions of a report, each asked once, and parts of them that sections share."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import polars as pl

from utility_ts_analytics.analysis.engine import Analysis, Value
from utility_ts_analytics.queries.intervals import ReadingLengths
from utility_ts_analytics.queries.tariff_calendar import (
    DAY_MINUTES,
    Season,
    TariffCalendar,
    Window,
)
from utility_ts_analytics.queries.time_range import TimeRange

SEGMENTS_MAX = 5
NO_SEGMENT = "no segment known"


@dataclass(frozen=True, slots=True)
class Queries:
    """Questions about the period of a report; rows and answers are kept for all sections.

    Attributes:
        analysis: Of the period, with the zone and the calendar.
        time_range: The period.
        zone: Local time of days and axes.
        lengths: Of the readings, in minutes; of meters 15, 30 or 60.
        calendar: The tariff.
        tariff_given: Whether the calendar was chosen by the user.
        _answers: By question and parameters.
    """

    analysis: Analysis
    time_range: TimeRange
    zone: ZoneInfo
    lengths: ReadingLengths
    calendar: TariffCalendar
    tariff_given: bool = False
    _answers: dict[str, pl.DataFrame] = field(default_factory=dict)

    def frame(
        self, question: str, *, then: str = "FROM answer", **parameters: Value
    ) -> pl.DataFrame:
        """Return the answer, asked for once; arguments and errors as `Analysis.ask`. Blocks."""
        asked = repr((question, then, sorted(parameters.items())))
        if asked not in self._answers:
            self._answers[asked] = pl.DataFrame(
                self.analysis.ask(question, then=then, **parameters)
            )
        return self._answers[asked]


def day_and_night(zone: str) -> TariffCalendar:
    """Return the calendar that is used if none is given: day is 07:00 to 23:00."""
    windows = (
        Window("day", 7 * 60, 23 * 60),
        Window("night", 0, 7 * 60),
        Window("night", 23 * 60, DAY_MINUTES),
    )
    every_day = {"weekday": windows, "saturday": windows, "sunday": windows}
    return TariffCalendar(zone, (Season("all year", (1, 1), (12, 31), every_day),))  # type: ignore[arg-type] # its keys are day types


def segment_energy(queries: Queries) -> pl.DataFrame:
    """Return energy by `group` (segment), `season` and `period`; groups with most energy first."""
    answer = queries.frame("time_of_use", group="segment", zone=queries.calendar.zone)
    energies = answer.select(
        pl.col("group_name").fill_null(NO_SEGMENT).alias("group"), "season", "period", "kwh"
    )
    order = energies.group_by("group").agg(total=pl.col("kwh").sum().abs())
    return energies.join(order, on="group", maintain_order="left").sort(
        ["total", "group"], descending=[True, False], maintain_order=True
    )


def largest_groups(energies: pl.DataFrame) -> list[str]:
    """Return the groups that are drawn, the largest first."""
    groups = energies["group"].unique(maintain_order=True).to_list()
    return [str(group) for group in groups[:SEGMENTS_MAX]]


def segments_left_out(energies: pl.DataFrame) -> list[str]:
    """Return the note on segments that are not drawn, if there are any."""
    count = energies["group"].n_unique()
    if count <= SEGMENTS_MAX:
        return []
    return [f"Drawn are the {SEGMENTS_MAX} segments with most energy, of {count}."]


def time_literal(moment: datetime) -> str:
    """Return an aware time as DuckDB's SQL has it, in UTC."""
    return f"TIMESTAMP '{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}'"
