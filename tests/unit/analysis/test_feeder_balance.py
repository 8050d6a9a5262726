"""The job against a real QuestDB: what it writes, what it leaves alone, what it refuses."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from tests.unit.analysis.live_sources import sources
from tests.unit.analysis.questions.network_rig import HOUR, NOON, QUARTER, Network
from tests.unit.archive.archive_rig import ArchiveRig, Database

from utility_ts_analytics.analysis.balance_job import BalanceJob, BalanceReport
from utility_ts_analytics.analysis.feeder_balance import run_balance
from utility_ts_analytics.analysis.judgement import Thresholds
from utility_ts_analytics.archive.folder import state_path
from utility_ts_analytics.clock import SystemClock
from utility_ts_analytics.database.pool import AnswerLost, Connection, connect
from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.queries.intervals import Intervals
from utility_ts_analytics.queries.time_range import TimeRange

MIDNIGHT = NOON.replace(hour=0)
TWO_DAYS = TimeRange(MIDNIGHT, MIDNIGHT + timedelta(days=2))
HOURS = Intervals("60m")
RESULT = "feeder_energy_balance"
FACTS = (
    "ts, feeder_id, interval_minutes, generation_kwh, supplied_kwh, demand_kwh, loss_kwh, loss_pct,"
    " coverage_pct, quality_score, cause_hint, alert"
)


@pytest.fixture
def grid(questdb: Database) -> Database:
    """Two days of two feeders: 1 kWh per meter and quarter, F2 loses a half; no results yet."""
    questdb.truncate(RESULT)
    network = Network()
    for feeder, kw in (("F1", 4.1), ("F2", 8.0)):
        network.meter(f"m-{feeder}", feeder)
        network.read(f"m-{feeder}", *[1.0] * 192, at=MIDNIGHT)
        network.head(feeder, *[kw] * 192, at=MIDNIGHT, unit="kW")
    network.store(questdb)
    return questdb


def run(
    database: Database,
    job: BalanceJob,
    *,
    lost_after: int | None = None,
    archive: Path | None = None,
) -> BalanceReport:
    """Run the job; with `lost_after`, the connection goes away after so many writes."""
    rows = sources(database, archive, fresh=True)

    async def main() -> BalanceReport:
        connection = await connect(database.pg_uri)
        if lost_after is not None:
            setattr(connection, "executemany", losing(connection, lost_after))  # noqa: B010
        try:
            return await run_balance(connection, job, rows, clock=SystemClock())
        finally:
            await connection.close()

    return asyncio.run(main())


def losing(connection: Connection, writes: int) -> Callable[..., Awaitable[None]]:
    """An `executemany` that writes so often, and then finds no connection."""
    real, left = connection.executemany, iter(range(writes))

    async def executemany(sql: str, rows: Iterable[Sequence[object]], *, timeout_s: float) -> None:
        if next(left, None) is None:
            raise AnswerLost("cut here")
        await real(sql, rows, timeout_s=timeout_s)

    return executemany


def stored(database: Database, columns: str = FACTS) -> list[tuple[object, ...]]:
    database.wait_applied(RESULT)
    rows = database.query(f"SELECT {columns} FROM {RESULT} ORDER BY ts, feeder_id")
    return [tuple(row) for row in rows]


@pytest.mark.questdb
def test_rows_are_balances_with_their_judgement(grid: Database) -> None:
    report = run(grid, BalanceJob(TimeRange(NOON, NOON + HOUR), HOURS))

    noon = "2026-03-01T12:00:00.000000Z"
    assert stored(grid) == [
        (noon, "F1", 60, 0, *map(pytest.approx, (4.1, 4, 0.1, 100 / 41)), 100, 1, None, None),
        (noon, "F2", 60, 0, 8, 4, 4, 50, 100, 1, "unexplained-loss", "critical"),
    ]
    assert report.rows == 2
    assert report.feeders["F2"].loss_kwh == 4
    assert report.feeders["F2"].loss_pct == 50
    assert report.feeders["F2"].causes == {"unexplained-loss": 1}
    assert report.feeders["F2"].alerts == {"critical": 1}
    assert (report.silent_feeders, report.left_over) == ([], {})


@pytest.mark.questdb
def test_second_run_changes_nothing_but_when_it_was_computed(grid: Database) -> None:
    job = BalanceJob(TWO_DAYS, HOURS)
    run(grid, job)
    first, computed = stored(grid), stored(grid, "computed_at")
    run(grid, job)

    assert stored(grid) == first
    assert len(first) == 96
    assert max(map(str, computed)) < min(map(str, stored(grid, "computed_at")))


@pytest.mark.questdb
def test_history_outside_the_period_is_not_touched(grid: Database) -> None:
    day = timedelta(days=1)
    run(grid, BalanceJob(TimeRange(MIDNIGHT, MIDNIGHT + day), HOURS))
    first = stored(grid, f"{FACTS}, computed_at")
    run(grid, BalanceJob(TimeRange(MIDNIGHT + day, MIDNIGHT + 2 * day), HOURS))
    both = stored(grid, f"{FACTS}, computed_at")

    assert both[:48] == first
    assert len(both) == 96


@pytest.mark.questdb
def test_late_reading_is_in_the_row_that_is_computed_again(grid: Database) -> None:
    job = BalanceJob(TimeRange(NOON, NOON + QUARTER), feeders=("F2",))
    run(grid, job)
    grid.query("INSERT INTO meter_usage (ts, meter_id, kwh) VALUES ('2026-03-01T12', 'm-F2', 1.9)")
    run(grid, job)

    [(demand, cause)] = stored(grid, "demand_kwh, cause_hint")
    assert (demand, cause) == (1.9, None)


@pytest.mark.questdb
def test_dry_run_computes_the_same_and_writes_nothing(grid: Database) -> None:
    dry = run(grid, BalanceJob(TWO_DAYS, HOURS, dry_run=True))

    assert stored(grid) == []
    assert dry == run(grid, BalanceJob(TWO_DAYS, HOURS))
    assert dry.rows == len(stored(grid)) == 96


@pytest.mark.questdb
@pytest.mark.parametrize(
    ("written", "other"),
    [
        (Intervals("15m"), HOURS),
        (HOURS, Intervals("15m")),
        (HOURS, Intervals("1d")),
        (Intervals("1d"), HOURS),
    ],
    ids=["quarters, then hours", "hours, then quarters", "hours, then days", "days, then hours"],
)
def test_period_with_rows_of_another_length_is_refused(
    grid: Database, written: Intervals, other: Intervals
) -> None:
    run(grid, BalanceJob(TWO_DAYS, written, feeders=("F1",)))
    before = stored(grid, "ts, feeder_id, interval_minutes, computed_at")

    with pytest.raises(OperatorError, match="rows of other intervals"):
        run(grid, BalanceJob(TWO_DAYS, other))
    assert stored(grid, "ts, feeder_id, interval_minutes, computed_at") == before
    run(grid, BalanceJob(TWO_DAYS, other, feeders=("F2",)))


@pytest.mark.questdb
def test_days_of_another_zone_are_refused_also_where_only_the_first_overlaps(
    grid: Database,
) -> None:
    day = timedelta(days=1)
    run(grid, BalanceJob(TimeRange(MIDNIGHT, MIDNIGHT + day), Intervals("1d")))

    berlin = TimeRange(MIDNIGHT + 23 * HOUR, MIDNIGHT + 47 * HOUR)
    with pytest.raises(OperatorError, match="2 of 1440 minutes"):
        run(grid, BalanceJob(berlin, Intervals("1d", "Europe/Berlin")))
    following = TimeRange(MIDNIGHT + day, MIDNIGHT + 2 * day)
    assert run(grid, BalanceJob(following, Intervals("1d"))).rows == 2


@pytest.mark.questdb
@pytest.mark.parametrize(
    ("day", "minutes"), [((2026, 10, 25), 1500), ((2026, 3, 29), 1380), ((2026, 3, 1), 1440)]
)
def test_day_on_which_midnight_comes_twice_or_not_at_all_is_one_day(
    grid: Database, day: tuple[int, int, int], minutes: int
) -> None:
    """Run twice: the second run must know its own rows."""
    azores = ZoneInfo("Atlantic/Azores")
    start = datetime(*day, tzinfo=azores)
    job = BalanceJob(
        TimeRange(start, start + timedelta(days=1)), Intervals("1d", "Atlantic/Azores")
    )
    run(grid, job)
    run(grid, job)

    assert [
        (datetime.fromisoformat(str(ts)).replace(tzinfo=UTC), n)
        for ts, n in stored(grid, "ts, interval_minutes")
    ] == [(start.astimezone(UTC), minutes)] * 2


@pytest.mark.questdb
def test_rows_of_a_feeder_that_has_nothing_any_more_are_reported(grid: Database) -> None:
    hour = TimeRange(NOON, NOON + HOUR)
    run(grid, BalanceJob(hour))
    network = Network()
    network.meter("m-F1", "F1")
    network.store(grid)

    report = run(grid, BalanceJob(hour, feeders=("F1", "F2", "F9")))

    assert report.left_over == {"F2": 4}
    assert report.silent_feeders == ["F2", "F9"]
    assert report.feeders["F1"].unknown_intervals == 4
    assert len(stored(grid)) == 8


@pytest.mark.questdb
def test_job_that_was_cut_off_has_whole_pieces_and_is_run_again(grid: Database) -> None:
    job = BalanceJob(TWO_DAYS, HOURS)
    with pytest.raises(AnswerLost):
        run(grid, job, lost_after=1)
    begun = stored(grid)
    run(grid, job)

    assert len(begun) == 48
    assert stored(grid)[:48] == begun
    assert len(stored(grid)) == 96


@pytest.mark.questdb
def test_thresholds_of_the_job_count(grid: Database) -> None:
    thresholds = Thresholds(warning_pct=60, critical_pct=70)
    report = run(grid, BalanceJob(TimeRange(NOON, NOON + HOUR), HOURS, thresholds=thresholds))

    assert report.feeders["F2"].alerts == {}


@pytest.mark.questdb
@pytest.mark.parametrize("questdb_can_tell", [True, False])
def test_correction_of_an_archived_day_counts(
    grid: Database, tmp_path: Path, questdb_can_tell: bool
) -> None:
    rig = ArchiveRig(grid, tmp_path)
    assert rig.update().written
    if not questdb_can_tell:
        state_path(tmp_path, "meter_usage", "main").unlink()
    grid.query("INSERT INTO meter_usage (ts, meter_id, kwh) VALUES ('2026-03-01T12', 'm-F2', 1.9)")
    grid.wait_applied("meter_usage")

    run(grid, BalanceJob(TimeRange(NOON, NOON + QUARTER), feeders=("F2",)), archive=tmp_path)

    assert stored(grid, "demand_kwh, loss_kwh") == [(1.9, pytest.approx(0.1))]


@pytest.mark.questdb
@pytest.mark.parametrize("questdb_can_tell", [True, False])
def test_days_that_questdb_does_not_have_any_more_come_from_the_archive(
    grid: Database, tmp_path: Path, questdb_can_tell: bool
) -> None:
    day = BalanceJob(TimeRange(MIDNIGHT, MIDNIGHT + timedelta(days=1)), HOURS)
    run(grid, day)
    before = stored(grid)
    rig = ArchiveRig(grid, tmp_path)
    rig.update()
    rig.drop_before(NOON.date() + timedelta(days=1))
    grid.wait_applied("meter_usage")
    assert grid.query("SELECT count() FROM meter_usage WHERE ts < '2026-03-02'") == [(0,)]
    if not questdb_can_tell:
        grid.truncate("meter_usage")

    report = run(grid, day, archive=tmp_path)

    assert stored(grid) == before
    assert report.feeders["F2"].demand_kwh == 96
