"""The job that fills `feeder_energy_balance` for a period: asks part by part, writes day by day.

Each commit is at most a day of intervals. A job can be killed at any moment and run again: it
writes the same rows under the same keys. It changes no rows outside the period and removes none.
"""

import asyncio
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from utility_ts_analytics.analysis.balance_job import (
    RESULT_TABLE,
    BalanceJob,
    BalanceReport,
    FeederTotal,
    clashing_rows_sql,
    commits_of,
    questions_of,
    stored_keys_sql,
)
from utility_ts_analytics.analysis.engine import Analysis
from utility_ts_analytics.analysis.judgement import BalanceRow, Judgement, judge
from utility_ts_analytics.analysis.sources import Sources
from utility_ts_analytics.clock import Clock
from utility_ts_analytics.database.pool import Connection
from utility_ts_analytics.database.schema import wait_applied
from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.queries.literals import quote_texts
from utility_ts_analytics.queries.time_range import TimeRange
from utility_ts_analytics.records.reading import microseconds_of

if TYPE_CHECKING:
    import pyarrow as pa

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
"""Tables that a balance is computed from, by their names in the schema."""

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


async def run_balance(
    connection: Connection,
    job: BalanceJob,
    sources: Sources,
    *,
    clock: Clock,
    progress: Callable[[datetime, int], None] = lambda until, rows: None,
) -> BalanceReport:
    """Compute the balances of a period and write them; memory does not grow with the period.

    When it returns, what it wrote is committed and can be read.

    Args:
        connection: Of the caller's; one statement at a time.
        job: What to compute.
        sources: Where rows come from: of the QuestDB of `connection`, and `fresh`, so that a late
            reading or a correction counts in the next run. The archive is then used only for days
            that did not change since they were archived, or that QuestDB no longer has.
        clock: For `computed_at` and waits.
        progress: Called after each commit with its end and the rows so far.

    Raises:
        ValueError: As `BalanceJob.check` raises.
        OperatorError: The period holds rows of other intervals, or tables are not all visible;
            nothing was written. Or a question was refused: the commits before are written.
        QuestDBUnavailable: QuestDB went away; the commits before are written, run it again.
        StatementRefused: QuestDB refused a statement.
    """
    job.check()
    read = (*map(sources.name_of, SOURCE_TABLES), RESULT_TABLE)
    await wait_applied(connection, read, clock=clock, timeout_s=_APPLY_TIMEOUT_S)
    await _refuse_other_intervals(connection, job)
    computed_at = datetime.fromtimestamp(clock.wall_ns() // 1000 / 1e6, tz=UTC).replace(tzinfo=None)
    meters, feeders = await _size(connection, job)
    report = BalanceReport()
    for part in questions_of(job, meters, feeders):
        answer = await asyncio.to_thread(_answer, job, sources, part)
        starts = answer["ts"].cast("int64").to_numpy()
        for commit in commits_of(job, part, feeders):
            first, end = (
                bisect_left(starts, microseconds_of(m)) for m in (commit.start, commit.end)
            )
            rows = list(_rows(answer.slice(first, end - first)))
            await _write(connection, job, commit, rows, computed_at=computed_at, report=report)
            progress(commit.end, report.rows)
    report.silent_feeders = [name for name in job.feeders if name not in report.feeders]
    if not job.dry_run:
        await wait_applied(connection, [RESULT_TABLE], clock=clock, timeout_s=_APPLY_TIMEOUT_S)
    return report


def _answer(job: BalanceJob, sources: Sources, part: TimeRange) -> "pa.Table":
    """Return the balances of a part by time. Blocks."""
    only = f" WHERE feeder_id IN ({quote_texts(job.feeders, 'feeders')})" if job.feeders else ""
    minutes = job.intervals.minutes
    with Analysis(sources, part, zone=job.intervals.zone, heads=job.heads) as analysis:
        return analysis.ask(
            "feeder_balance",
            then=f"FROM answer{only} ORDER BY ts, feeder_id",
            every="1 day" if minutes is None else f"{minutes} minutes",
            meter_minutes=job.lengths.meters,
            plant_minutes=job.lengths.plants,
            head_minutes=job.lengths.heads,
        )


def _rows(answer: "pa.Table") -> Iterator[BalanceRow]:
    """Yield rows with naive times, as pgwire has them."""
    for ts, *others in zip(*(column.to_pylist() for column in answer.columns), strict=True):
        yield BalanceRow(ts.replace(tzinfo=None), *others)


async def _write(
    connection: Connection,
    job: BalanceJob,
    part: TimeRange,
    rows: Sequence[BalanceRow],
    *,
    computed_at: datetime,
    report: BalanceReport,
) -> None:
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
    """Return the numbers of meters and feeders, with room for 64 feeders without meters."""
    [(meters, feeders)] = await connection.fetch(_SIZE_SQL, timeout_s=_QUERY_TIMEOUT_S)
    return int(str(meters)), len(job.feeders) or int(str(feeders)) + 64
