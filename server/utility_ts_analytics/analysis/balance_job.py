"""The job of `feeder-balance`: its request, how its period is cut, its SQL, its report. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from utility_ts_analytics.analysis.judgement import BalanceRow, Judgement, Thresholds
from utility_ts_analytics.queries.intervals import Intervals, ReadingLengths
from utility_ts_analytics.queries.literals import quote_texts, quote_timestamp
from utility_ts_analytics.queries.time_range import TimeRange

RESULT_TABLE: Final = "feeder_energy_balance"

COMMIT_ROWS_MAX: Final = 50_000
"""Rows of a commit, as long as one interval has no more: 56 MB."""
QUESTION_DAYS_MAX: Final = 31
"""Every question also reads the 31 days before it, of heads: shorter ones would cost more."""
QUESTION_ROWS_MAX: Final = 500_000
"""Rows of one answer, with the same exception: 65 MB."""
QUESTION_READINGS_MAX: Final = 100_000_000
"""Meter readings behind an answer, if a day has no more: 0.5 GB of temporary files."""

_DAY_MINUTES: Final = 24 * 60
_DAY_LONGEST: Final = timedelta(hours=26)


@dataclass(frozen=True, slots=True)
class BalanceJob:
    """Request for balances.

    Attributes:
        time_range: Whole intervals.
        intervals: Length of one, and the zone of days.
        feeders: Only these; empty means all.
        heads: Head nodes by feeder, where they are not plain.
        lengths: Of readings.
        thresholds: For causes and alerts.
        dry_run: Compute and report, write nothing.
    """

    time_range: TimeRange
    intervals: Intervals = field(default_factory=Intervals)
    feeders: Sequence[str] = ()
    heads: Mapping[str, Sequence[str]] = field(default_factory=dict)
    lengths: ReadingLengths = field(default_factory=ReadingLengths)
    thresholds: Thresholds = field(default_factory=Thresholds)
    dry_run: bool = False

    def check(self) -> None:
        """Make sure that the job can run.

        Raises:
            ValueError: Period, intervals and lengths do not fit, a feeder has no head node, or a
                name holds a character that QuestDB cannot take.
        """
        self.intervals.check(self.time_range)
        self.lengths.check(self.intervals)
        if self.feeders:
            quote_texts(self.feeders, "feeders")
        for feeder, nodes in self.heads.items():
            quote_texts((feeder, *nodes), "head nodes")
            if not nodes:
                raise ValueError(f"cannot use no head for {feeder!r}: name at least one node")


@dataclass(slots=True)
class FeederTotal:
    """Sums over the intervals of one feeder that have a balance (a loss), kWh.

    Attributes:
        unknown_intervals: How many have none, and are in no sum.
        coverage_min_pct: Lowest of all intervals; None: no meter was due in any.
        alerts: Intervals by level.
        causes: Intervals by hint.
    """

    intervals: int = 0
    unknown_intervals: int = 0
    supplied_kwh: float = 0.0
    generation_kwh: float = 0.0
    demand_kwh: float = 0.0
    loss_kwh: float = 0.0
    coverage_min_pct: float | None = None
    alerts: Counter[str] = field(default_factory=Counter)
    causes: Counter[str] = field(default_factory=Counter)

    @property
    def loss_pct(self) -> float | None:
        """Share of supplied + generation, percent; None where that is not above 0."""
        put_in = self.supplied_kwh + self.generation_kwh
        return 100 * self.loss_kwh / put_in if put_in > 0 else None

    def add(self, row: BalanceRow, judgement: Judgement) -> None:
        """Count one interval."""
        self.intervals += 1
        if row.loss_kwh is None:
            self.unknown_intervals += 1
        else:
            self.supplied_kwh += row.supplied_kwh or 0.0
            self.generation_kwh += row.generation_kwh or 0.0
            self.demand_kwh += row.demand_kwh or 0.0
            self.loss_kwh += row.loss_kwh
        if row.coverage_pct is not None:
            known = self.coverage_min_pct
            self.coverage_min_pct = min(row.coverage_pct, 100.0 if known is None else known)
        if judgement.alert is not None:
            self.alerts[judgement.alert] += 1
        if judgement.cause_hint is not None:
            self.causes[judgement.cause_hint] += 1


@dataclass(slots=True)
class BalanceReport:
    """Result of a job.

    Attributes:
        rows: Balances computed, and written unless it was a dry run.
        feeders: By name.
        silent_feeders: Requested by name, but nothing is mapped to them or measured at them.
        left_over: Rows stored in the period, by feeder, that this run did not compute: nothing is
            mapped to the feeder any more. QuestDB cannot remove single rows.
    """

    rows: int = 0
    feeders: dict[str, FeederTotal] = field(default_factory=dict)
    silent_feeders: list[str] = field(default_factory=list)
    left_over: Counter[str] = field(default_factory=Counter)


def questions_of(job: BalanceJob, meters: int, feeders: int) -> Iterator[TimeRange]:
    """Yield the period in parts of whole intervals, in order, each for one question.

    Args:
        job: Its period and lengths.
        meters: How many there are, at most.
        feeders: How many rows an interval has, at most.
    """
    minutes = job.intervals.minutes or _DAY_MINUTES
    day = _DAY_MINUTES // minutes
    readings = max(1, meters * minutes // job.lengths.meters)
    # Rows are fetched by whole days, so that less than a day would save none of them.
    count = max(day, min(QUESTION_DAYS_MAX * day, QUESTION_READINGS_MAX // readings))
    yield from _cut(job.intervals, job.time_range, min(count, QUESTION_ROWS_MAX // max(1, feeders)))


def commits_of(job: BalanceJob, part: TimeRange, feeders: int) -> Iterator[TimeRange]:
    """Yield a part of the period in pieces that are written as one commit: at most a day.

    Args:
        job: Its intervals.
        part: Of whole intervals.
        feeders: How many rows an interval has, at most.
    """
    day = _DAY_MINUTES // (job.intervals.minutes or _DAY_MINUTES)
    yield from _cut(job.intervals, part, min(day, COMMIT_ROWS_MAX // max(1, feeders)))


def clashing_rows_sql(
    time_range: TimeRange, intervals: Intervals, *, feeders: Iterable[str] = ()
) -> str:
    """Return the query for stored rows that overlap the range and are not of these intervals.

    A row of another length is not replaced by rows of this one, since the key is the start: its
    energy would be counted twice.

    Result columns, one row per length, none if all is well: `interval_minutes`, `first_ts`,
    `last_ts`, `row_count`.

    Args:
        time_range: As it will be written.
        intervals: As it will be written.
        feeders: Only these; none means all.
    """
    start, end = quote_timestamp(time_range.start), quote_timestamp(time_range.end)
    earliest = quote_timestamp(time_range.start - _DAY_LONGEST)
    same = f"interval_minutes = {intervals.minutes_sql('ts')} AND {intervals.start_sql('ts')} = ts"
    return (
        "SELECT interval_minutes, min(ts) AS first_ts, max(ts) AS last_ts, count() AS row_count\n"
        f"FROM {RESULT_TABLE} WHERE ts >= {earliest} AND ts < {end}"
        f" AND (ts >= {start} OR dateadd('m', interval_minutes, ts) > {start})"
        f" AND NOT ({same}){_and_feeders(feeders)}\n"
        "GROUP BY interval_minutes ORDER BY interval_minutes"
    )


def stored_keys_sql(time_range: TimeRange, *, feeders: Iterable[str] = ()) -> str:
    """Return the query for the keys that are stored in the range: `ts`, `feeder_id`, by time.

    Args:
        time_range: Rows that start in it.
        feeders: Only these; none means all.
    """
    return (  # every part is a constant or was quoted
        f"SELECT ts, feeder_id FROM {RESULT_TABLE}"  # noqa: S608
        f" WHERE {time_range.covers_sql('ts')}{_and_feeders(feeders)} ORDER BY ts"
    )


def _cut(intervals: Intervals, time_range: TimeRange, count: int) -> Iterator[TimeRange]:
    start: datetime | None = None
    for number, moment in enumerate(intervals.starts(time_range)):
        if number % max(1, count) == 0:
            if start is not None:
                yield TimeRange(start, moment)
            start = moment
    if start is not None:
        yield TimeRange(start, time_range.end)


def _and_feeders(feeders: Iterable[str]) -> str:
    names = tuple(feeders)
    return f" AND feeder_id IN ({quote_texts(names, 'feeders')})" if names else ""
