"""The verdict on each table follows QuestDB, and trouble that all share is reported once."""

import asyncio
import socket
from typing import Protocol

import pytest

from utility_ts_analytics.clock import ManualClock
from utility_ts_analytics.database.health import LAG_WINDOW_S
from utility_ts_analytics.database.table_compare import create_sql
from utility_ts_analytics.database.table_spec import table_specs
from utility_ts_analytics.service.monitoring.database_watch import DatabaseWatch
from utility_ts_analytics.service.monitoring.stores_watch import StoresWatch

METERS, PLANTS = table_specs()["meter_usage"], table_specs()["generation_output"]


class Database(Protocol):
    """What these tests need of the `questdb` fixture."""

    @property
    def pg_uri(self) -> str: ...
    def query(self, sql: str) -> list[tuple[object, ...]]: ...


def unreachable_uri() -> str:
    """Return a URI where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"postgresql://admin:hidden-4d1a@127.0.0.1:{probe.getsockname()[1]}/qdb"


def polled(watch: DatabaseWatch) -> DatabaseWatch:
    """Return the watch after one poll; its connection is closed."""

    async def run() -> None:
        task = asyncio.create_task(watch.run())
        while not watch.known:
            await asyncio.sleep(0.005)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(asyncio.wait_for(run(), 20))
    return watch


def test_before_the_first_poll_rows_are_refused_for_a_moment() -> None:
    watch = DatabaseWatch(unreachable_uri(), [METERS], ManualClock())
    failure = watch.failure_of("meter_usage")
    assert failure is not None
    assert (failure.code, failure.retry_after_s) == ("sink-unavailable", 1)
    assert not watch.known
    assert StoresWatch({"": watch}).facts() == {"up": False, "reason": failure.detail, "tables": {}}


def test_questdb_away_refuses_every_table_with_one_reason_and_no_password() -> None:
    watch = polled(DatabaseWatch(unreachable_uri(), [METERS, PLANTS], ManualClock()))
    failures = [watch.failure_of(name) for name in ("meter_usage", "generation_output")]
    assert [failure and failure.code for failure in failures] == ["sink-unavailable"] * 2
    assert [failure and failure.retry_after_s for failure in failures] == [5, 5]
    [reason] = watch.reasons()
    assert "check questdb.uri" in reason
    assert "hidden-4d1a" not in f"{reason}{StoresWatch({'': watch}).facts()}"
    assert watch.known


def test_run_polls_again_after_each_wait_until_cancelled() -> None:
    clock = ManualClock()
    watch = DatabaseWatch(unreachable_uri(), [METERS], clock)

    async def run() -> None:
        task = asyncio.create_task(watch.run())
        for waits in (1, 2, 3):
            while len(clock.slept_s) < waits:
                await asyncio.sleep(0.001)
            clock.advance(clock.slept_s[-1])
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(asyncio.wait_for(run(), 20))


@pytest.mark.questdb
def test_tables_as_the_schema_says_refuse_nothing(questdb: Database) -> None:
    watch = polled(DatabaseWatch(questdb.pg_uri, [METERS, PLANTS], ManualClock()))
    assert watch.failure_of("meter_usage") is None
    assert watch.reasons() == []
    facts = StoresWatch({"": watch}).facts()
    assert facts is not None
    assert (facts["up"], facts["reason"]) == (True, "")
    tables = facts["tables"]
    assert isinstance(tables, dict)
    assert list(tables) == ["meter_usage", "generation_output"]
    table = tables["meter_usage"]
    assert isinstance(table, dict)
    assert (table["exists"], table["suspended"], table["dedup"]) == (True, False, True)
    assert isinstance(table["wal_lag_transactions"], int)


@pytest.mark.questdb
def test_missing_table_refuses_its_own_rows_only(questdb: Database) -> None:
    away = METERS.named("watch_missing")
    watch = polled(DatabaseWatch(questdb.pg_uri, [away, PLANTS], ManualClock()))
    failure = watch.failure_of("watch_missing")
    assert failure is not None
    assert (failure.code, failure.retry_after_s) == ("schema-missing", 5)
    assert watch.failure_of("generation_output") is None
    assert watch.failure_of("a_table_not_watched") is None
    assert watch.reasons() == [failure.detail]


@pytest.mark.questdb
def test_suspended_table_is_refused_until_it_is_resumed(questdb: Database) -> None:
    spec = table_specs()["plants"].named("watch_suspended")
    questdb.query(
        "CREATE TABLE IF NOT EXISTS watch_suspended (LIKE plants)"
        if not questdb.query("SELECT 1 FROM tables() WHERE table_name = 'watch_suspended'")
        else "SELECT 1"
    )
    watch = DatabaseWatch(questdb.pg_uri, [spec], ManualClock())
    questdb.query("ALTER TABLE watch_suspended SUSPEND WAL")
    failure = polled(watch).failure_of("watch_suspended")
    assert failure is not None
    assert failure.code == "table-suspended"
    questdb.query("ALTER TABLE watch_suspended RESUME WAL")

    async def poll_again() -> None:
        await watch.poll()
        task = asyncio.create_task(watch.run())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(poll_again())
    assert watch.failure_of("watch_suspended") is None


@pytest.mark.questdb
def test_lag_of_a_real_table_is_reported_once_it_has_lasted(questdb: Database) -> None:
    spec = METERS.named("watch_lagging")
    questdb.query(create_sql(spec))
    questdb.query("ALTER TABLE watch_lagging SUSPEND WAL")  # nothing is applied from here on
    for second in range(5):
        questdb.query(
            "INSERT INTO watch_lagging (ts, meter_id, kwh)"
            f" VALUES ('2024-01-01T00:00:0{second}Z', 'm', 1)"
        )
    clock = ManualClock()
    watch = DatabaseWatch(questdb.pg_uri, [spec], clock, wal_lag_transactions_max=4)

    async def reasons_over_time() -> list[int]:
        counts = []
        for _ in range(3):
            await watch.poll()
            counts.append(sum("5 committed transactions" in line for line in watch.reasons()))
            clock.advance(LAG_WINDOW_S / 2)
        task = asyncio.create_task(watch.run())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return counts

    try:
        assert asyncio.run(asyncio.wait_for(reasons_over_time(), 20)) == [0, 0, 1]
    finally:
        questdb.query("ALTER TABLE watch_lagging RESUME WAL")
