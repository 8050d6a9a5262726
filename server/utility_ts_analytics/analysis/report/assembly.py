"""Makes a report: finds its period, asks for each section, and puts them together."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from utility_ts_analytics import __version__
from utility_ts_analytics.analysis.report.answers import Moment, UsualInterval
from utility_ts_analytics.analysis.report.asked import Asked, day_and_night
from utility_ts_analytics.analysis.report.content import Report, Section
from utility_ts_analytics.analysis.report.gather_network import (
    gather_generation,
    gather_losses,
    gather_peaks,
)
from utility_ts_analytics.analysis.report.gather_quality import gather_estimated, gather_gaps
from utility_ts_analytics.analysis.report.gather_usage import gather_load, gather_tariff
from utility_ts_analytics.analysis.report.period import default_period
from utility_ts_analytics.analysis.report.wording import span, stamp
from utility_ts_analytics.clock import Clock
from utility_ts_analytics.database.pool import Connection, connected
from utility_ts_analytics.database.reads import Query, fetch_rows
from utility_ts_analytics.errors import OperatorError, QuestDBUnavailable
from utility_ts_analytics.queries.balance_intervals import READING_MINUTES, ReadingLengths
from utility_ts_analytics.queries.completeness import INTERVAL_MINUTES
from utility_ts_analytics.queries.overview import (
    Stream,
    first_reading_sql,
    last_reading_sql,
    usual_interval_sql,
)
from utility_ts_analytics.queries.tariff_calendar import TariffCalendar
from utility_ts_analytics.queries.time_range import TimeRange

_QUESTIONS: tuple[tuple[str, str, Callable[[Asked], Awaitable[Section]]], ...] = (
    ("load", "How did the load run?", gather_load),
    ("losses", "Where is energy lost?", gather_losses),
    ("tariff", "When is energy used?", gather_tariff),
    ("peaks", "Do the peaks coincide?", gather_peaks),
    ("generation", "What was generated?", gather_generation),
    ("gaps", "What is missing?", gather_gaps),
    ("estimated", "How much was estimated?", gather_estimated),
)
_USUAL_MINUTES = 15
_NOWHERE_NEAR = timedelta(days=1)
"""Readings later than now by more than this do not say where the data ends."""


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """What somebody wants to see.

    Attributes:
        time_range: The period; None takes the last full week of the data.
        zone: Local time of days, axes and the period.
        tariff: None takes day and night.
    """

    time_range: TimeRange | None
    zone: ZoneInfo
    tariff: TariffCalendar | None = None


async def make_report(uri: str, request: ReportRequest, *, clock: Clock) -> Report:
    """Ask QuestDB for all figures of the report.

    A section whose question QuestDB refuses, or whose data is not there, says why.

    Args:
        uri: pgwire, as `connect` takes it.
        request: What to show.
        clock: Says what now is.

    Raises:
        QuestDBUnavailable: It is away, or became so.
    """
    now = datetime.fromtimestamp(clock.wall_ns() // 1_000_000_000, UTC)
    async with connected(uri) as connection:
        time_range = request.time_range or await _data_period(connection, request.zone, now)
        asked = Asked(
            connection,
            time_range,
            request.zone,
            await _lengths(connection, time_range),
            request.tariff or day_and_night(request.zone.key),
            tariff_given=request.tariff is not None,
        )
        sections = [await _answered(question, asked) for question in _QUESTIONS]
    return Report(f"Readings of {span(time_range, request.zone)}", _facts(asked, now), sections)


async def _answered(
    question: tuple[str, str, Callable[[Asked], Awaitable[Section]]], asked: Asked
) -> Section:
    key, text, gather = question
    try:
        return await gather(asked)
    except QuestDBUnavailable:
        raise
    except (OperatorError, ValueError) as error:
        return Section(key, text, f"Not known: {error}.")


async def _data_period(connection: Connection, zone: ZoneInfo, now: datetime) -> TimeRange:
    """Return the last full week of the data; without data, the last full week there was."""
    try:
        first = await fetch_rows(connection, Query(first_reading_sql(), Moment))
        sql = last_reading_sql(now + _NOWHERE_NEAR)
        last = await fetch_rows(connection, Query(sql, Moment))
    except QuestDBUnavailable:
        raise
    except OperatorError:  # no such table: the sections say so
        first = last = []
    if not first or not last:
        return default_period(now - timedelta(days=21), now, zone)
    return default_period(first[0].ts, last[0].ts, zone)


async def _lengths(connection: Connection, time_range: TimeRange) -> ReadingLengths:
    """Return how often there are readings, as far as the last day shows, or the whole period."""
    found = [
        await _usual_minutes(connection, time_range, stream)
        for stream in ("meter_usage", "generation_output", "network_measurements")
    ]
    meters, plants, heads = found
    return ReadingLengths(
        meters=meters if meters in INTERVAL_MINUTES else _USUAL_MINUTES,
        plants=plants if plants in READING_MINUTES else _USUAL_MINUTES,
        heads=heads if heads in READING_MINUTES else _USUAL_MINUTES,
    )


async def _usual_minutes(connection: Connection, time_range: TimeRange, stream: Stream) -> int:
    last_day = max(time_range.start, time_range.end - timedelta(days=1))
    for part in (TimeRange(last_day, time_range.end), time_range):
        try:
            sql = usual_interval_sql(part, stream)
            found = await fetch_rows(connection, Query(sql, UsualInterval))
        except QuestDBUnavailable:
            raise
        except OperatorError:
            break
        if found:
            return found[0].minutes
    return _USUAL_MINUTES


def _facts(asked: Asked, now: datetime) -> list[tuple[str, str]]:
    start, end = asked.time_range.start, asked.time_range.end
    return [
        ("Period", f"{stamp(start, asked.zone)} to {stamp(end, asked.zone)}"),
        ("Local time", asked.zone.key),
        ("Readings", f"every {asked.lengths.meters} minutes"),
        ("Made", f"{stamp(now, asked.zone)}, version {__version__}"),
    ]
