"""The job that fills `feeder_energy_balance` for a period, piece by piece.

A piece is at most a day of intervals and is written as one commit, so that a job may be killed at
any moment: what is there is right, and running it again writes the same rows under the same keys.
Rows outside the period are never touched, and none is ever removed.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from utility_ts_analytics.analysis.balance_row import BalanceRow, balance_row
from utility_ts_analytics.analysis.judgement import Judgement, Thresholds, judge
from utility_ts_analytics.clock import Clock
from utility_ts_analytics.database.pool import Connection
from utility_ts_analytics.database.wal_apply import wait_applied
from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.queries.balance_intervals import Intervals, ReadingLengths
from utility_ts_analytics.queries.feeder_balance import feeder_balance_sql
from utility_ts_analytics.queries.stored_balance import clashing_rows_sql, stored_keys_sql
from utility_ts_analytics.queries.time_range import TimeRange

RESULT_TABLE = "feeder_energy_balance"
SOURCE_TABLES = (
    "meter_usage",
    "generation_output",
    "network_measurements",
    "meters",
    "plants",
    "meter_feeder_map",
    "plant_feeder_map",
    "meter_scale_map",
    "topology_events",
)
"""What a balance is made of."""

ROWS_MAX = 50_000
"""Rows of a piece, as long as one interval has no more: 56 MB."""
READINGS_MAX = 20_000_000
"""Meter readings behind a piece, likewise: 20 s at a million per second; a query may take 60 s."""

_QUERY_TIMEOUT_S = 60.0
_APPLY_TIMEOUT_S = 60.0
_SIZE_SQL = (
    "SELECT count_distinct(meter_id) AS meters, count_distinct(feeder_id) AS feeders"
    " FROM meter_feeder_map"
)
_COLUMNS = (
    "ts, feeder_id, interval_minutes, generation_kwh, supplied_kwh, demand_kwh, loss_kwh, loss_pct,"
    " coverage_pct, quality_score, cause_hint, alert, computed_at"
)
_INSERT_SQL = (
    f"INSERT INTO {RESULT_TABLE} ({_COLUMNS})"  # noqa: S608 - constants
    f" VALUES ({', '.join(f'${number}' for number in range(1, 14))})"
)


@dataclass(frozen=True, slots=True)
class BalanceJob:
    """What to compute.

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

    def sql(self, part: TimeRange) -> str:
        """Return the query for a part of the period."""
        return feeder_balance_sql(
            part, self.intervals, feeders=self.feeders, heads=self.heads, lengths=self.lengths
        )


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
    """What a job did.

    Attributes:
        rows: Balances computed, and written unless it was a dry run.
        feeders: By name.
        silent_feeders: Asked for by name, and nothing is mapped to them or measured at them.
        left_over: Rows stored in the period, by feeder, that this run did not compute: the feeder
            has nothing any more. They cannot be removed one by one from QuestDB.
    """

    rows: int = 0
    feeders: dict[str, FeederTotal] = field(default_factory=dict)
    silent_feeders: list[str] = field(default_factory=list)
    left_over: Counter[str] = field(default_factory=Counter)


async def run_balance(
    connection: Connection,
    job: BalanceJob,
    *,
    clock: Clock,
    progress: Callable[[datetime, int], None] = lambda until, rows: None,
) -> BalanceReport:
    """Compute the balances of a period and write them; memory does not grow with the period.

    When it returns, what it wrote is committed and can be read.

    Args:
        connection: Of the caller's; one statement at a time.
        job: What to compute.
        clock: For `computed_at` and waits.
        progress: Called after each piece with its end and the rows so far.

    Raises:
        OperatorError: The period holds rows of other intervals, or tables are not all visible;
            nothing was written.
        QuestDBUnavailable: QuestDB went away; the pieces before are written, run it again.
        StatementRefused: As QuestDB says.
    """
    await wait_applied(
        connection, (*SOURCE_TABLES, RESULT_TABLE), clock=clock, timeout_s=_APPLY_TIMEOUT_S
    )
    await _refuse_other_intervals(connection, job)
    computed_at = datetime.fromtimestamp(clock.wall_ns() // 1000 / 1e6, tz=UTC).replace(tzinfo=None)
    report = BalanceReport()
    for part in pieces(job, *await _size(connection, job)):
        await _do_piece(connection, job, part, computed_at, report)
        progress(part.end, report.rows)
    report.silent_feeders = [name for name in job.feeders if name not in report.feeders]
    if not job.dry_run:
        await wait_applied(connection, [RESULT_TABLE], clock=clock, timeout_s=_APPLY_TIMEOUT_S)
    return report


def pieces(job: BalanceJob, meters: int, feeders: int) -> Iterator[TimeRange]:
    """Yield the period in pieces of whole intervals, in order.

    Args:
        job: Its period and lengths.
        meters: How many there are, at most.
        feeders: How many rows an interval has, at most.
    """
    minutes = job.intervals.minutes or 24 * 60
    readings = max(1, meters * minutes // job.lengths.meters)
    count = min(24 * 60 // minutes, ROWS_MAX // max(1, feeders), READINGS_MAX // readings)
    start: datetime | None = None
    for number, moment in enumerate(job.intervals.starts(job.time_range)):
        if number % max(1, count) == 0:
            if start is not None:
                yield TimeRange(start, moment)
            start = moment
    if start is not None:
        yield TimeRange(start, job.time_range.end)


async def _do_piece(
    connection: Connection,
    job: BalanceJob,
    part: TimeRange,
    computed_at: datetime,
    report: BalanceReport,
) -> None:
    found = await connection.fetch(job.sql(part), timeout_s=_QUERY_TIMEOUT_S)
    rows = [balance_row(row) for row in found]
    judged = [(row, judge(row, job.thresholds)) for row in rows]
    keys_sql = stored_keys_sql(part, feeders=job.feeders)
    stored = await connection.fetch(keys_sql, timeout_s=_QUERY_TIMEOUT_S)
    computed = {(row.ts, row.feeder_id) for row in rows}
    report.left_over.update(str(key[1]) for key in stored if key not in computed)
    if judged and not job.dry_run:
        values = [_values(row, judgement, computed_at) for row, judgement in judged]
        await connection.executemany(_INSERT_SQL, values, timeout_s=_QUERY_TIMEOUT_S)
    for row, judgement in judged:
        report.feeders.setdefault(row.feeder_id, FeederTotal()).add(row, judgement)
    report.rows += len(judged)


def _values(row: BalanceRow, judgement: Judgement, computed_at: datetime) -> tuple[object, ...]:
    return (
        row.ts,
        row.feeder_id,
        row.interval_minutes,
        row.generation_kwh,
        row.supplied_kwh,
        row.demand_kwh,
        row.loss_kwh,
        row.loss_pct,
        row.coverage_pct,
        judgement.quality_score,
        judgement.cause_hint,
        judgement.alert,
        computed_at,
    )


async def _refuse_other_intervals(connection: Connection, job: BalanceJob) -> None:
    sql = clashing_rows_sql(job.time_range, job.intervals, feeders=job.feeders)
    found = await connection.fetch(sql, timeout_s=_QUERY_TIMEOUT_S)
    if not found:
        return
    lengths = ", ".join(
        f"{count} of {minutes} minutes ({first}Z to {last}Z)"
        for minutes, first, last, count in found
    )
    raise OperatorError(
        f"cannot write intervals of {job.intervals.name} into {RESULT_TABLE}: the period has rows"
        f" of other intervals, {lengths}, and energy would be there twice; keep to their length and"
        " zone, or drop the months (ALTER TABLE .. DROP PARTITION) and compute them anew"
    )


async def _size(connection: Connection, job: BalanceJob) -> tuple[int, int]:
    """Return how many meters and feeders a piece has at most; 64 feeders more have no meters."""
    [(meters, feeders)] = await connection.fetch(_SIZE_SQL, timeout_s=_QUERY_TIMEOUT_S)
    return int(str(meters)), len(job.feeders) or int(str(feeders)) + 64
