"""Makes a report: finds its period, asks for each section, and puts them together."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from utility_ts_analytics import __version__
from utility_ts_analytics.analysis.engine import Analysis
from utility_ts_analytics.analysis.report import (
    estimated,
    gaps,
    generation,
    load,
    losses,
    peaks,
    tariff,
)
from utility_ts_analytics.analysis.report.content import Report, Section
from utility_ts_analytics.analysis.report.period import data_period, reading_lengths
from utility_ts_analytics.analysis.report.queries import Queries, day_and_night
from utility_ts_analytics.analysis.report.wording import span, stamp
from utility_ts_analytics.analysis.sources import Sources
from utility_ts_analytics.clock import Clock
from utility_ts_analytics.database.pool import connected
from utility_ts_analytics.errors import OperatorError, QuestDBUnavailable
from utility_ts_analytics.queries.intervals import ReadingLengths
from utility_ts_analytics.queries.tariff_calendar import TariffCalendar
from utility_ts_analytics.queries.time_range import TimeRange


class _SectionModule(Protocol):
    """One question of the report: what it asks, its words and tables, its chart."""

    KEY: str
    QUESTION: str

    def gather(self, queries: Queries, /) -> Section: ...


_SECTIONS: Sequence[_SectionModule] = (load, losses, tariff, peaks, generation, gaps, estimated)


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """What a report is to show.

    Attributes:
        time_range: The period; None takes the last full week of the data.
        zone: Local time of days, axes and the period.
        tariff: None takes day and night.
    """

    time_range: TimeRange | None
    zone: ZoneInfo
    tariff: TariffCalendar | None = None


def make_report(sources: Sources, request: ReportRequest, *, clock: Clock) -> Report:
    """Ask for all figures of the report. Blocks; not for the thread of an event loop.

    A section whose question is refused, or that has no data, gives the reason.

    Args:
        sources: A QuestDB, with an archive or without.
        request: What to show.
        clock: Gives the time of now.

    Raises:
        QuestDBUnavailable: It is away, or became so.
    """
    now = datetime.fromtimestamp(clock.wall_ns() // 1_000_000_000, UTC)
    time_range, lengths = asyncio.run(_measured(sources, request, now))
    calendar = request.tariff or day_and_night(request.zone.key)
    with Analysis(sources, time_range, zone=request.zone.key, tariff=calendar) as analysis:
        queries = Queries(
            analysis,
            time_range,
            request.zone,
            lengths,
            calendar,
            tariff_given=request.tariff is not None,
        )
        sections = [_answered(section, queries) for section in _SECTIONS]
    return Report(f"Readings of {span(time_range, request.zone)}", _facts(queries, now), sections)


def _answered(section: _SectionModule, queries: Queries) -> Section:
    try:
        return section.gather(queries)
    except QuestDBUnavailable:
        raise
    except (OperatorError, ValueError) as error:
        return Section(section.KEY, section.QUESTION, f"Not known: {error}.")


async def _measured(
    sources: Sources, request: ReportRequest, now: datetime
) -> tuple[TimeRange, ReadingLengths]:
    """Return the period and how often there are readings in it, as QuestDB sees them."""
    async with AsyncExitStack() as stack:
        connections = [
            await stack.enter_async_context(connected(one.pg_uri)) for one in sources.databases
        ]
        time_range = request.time_range or await data_period(
            connections, request.zone, now, table=sources.name_of("meter_usage")
        )
        return time_range, await reading_lengths(connections, time_range, sources.name_of)


def _facts(queries: Queries, now: datetime) -> list[tuple[str, str]]:
    start, end = queries.time_range.start, queries.time_range.end
    return [
        ("Period", f"{stamp(start, queries.zone)} to {stamp(end, queries.zone)}"),
        ("Local time", queries.zone.key),
        ("Readings", f"every {queries.lengths.meters} minutes"),
        ("Made", f"{stamp(now, queries.zone)}, version {__version__}"),
    ]
