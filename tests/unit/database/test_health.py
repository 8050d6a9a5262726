import asyncio
from dataclasses import replace
from types import MappingProxyType

import pytest
from tests.conftest import TestQuestDB
from tests.unit.database.conftest import MakeProxy

from utility_ts_analytics.database.health import (
    UNKNOWN,
    HealthPoller,
    QuestDBHealth,
    TableHealth,
    stream_refusal,
)
from utility_ts_analytics.database.live_table import LiveTable
from utility_ts_analytics.database.table_compare import create_sql
from utility_ts_analytics.database.table_spec import table_specs

SPEC = table_specs()["meter_usage"]
LIVE = LiveTable(
    name=SPEC.name,
    columns=SPEC.columns,
    timestamp=SPEC.timestamp,
    partition_by=SPEC.partition_by,
    wal=True,
    dedup_keys=SPEC.dedup_keys,
    suspended=False,
    suspended_cause="",
    wal_lag_transactions=4,
)
SHORT_S = 0.3


def health_of(live: LiveTable | None) -> QuestDBHealth:
    return QuestDBHealth(True, "", MappingProxyType({SPEC.name: TableHealth(live)}))


@pytest.mark.parametrize("live", [LIVE, replace(LIVE, partition_by="MONTH")])
def test_table_that_can_be_written_to_is_not_refused(live: LiveTable) -> None:
    assert stream_refusal(health_of(live), SPEC) is None


@pytest.mark.parametrize(
    ("live", "code", "remedy"),
    [
        (None, "schema-missing", "run 'ingestion-service schema apply'"),
        (replace(LIVE, suspended=True), "table-suspended", "RESUME WAL"),
        (
            replace(LIVE, dedup_keys=()),
            "schema-missing",
            "ALTER TABLE meter_usage DEDUP ENABLE UPSERT KEYS(ts, meter_id)",
        ),
        (
            replace(LIVE, dedup_keys=("ts", "premise_id")),
            "schema-missing",
            "ALTER TABLE meter_usage DEDUP ENABLE UPSERT KEYS(ts, meter_id)",
        ),
        (replace(LIVE, wal=False), "schema-missing", "SET TYPE WAL"),
        (replace(LIVE, columns=SPEC.columns[:-1]), "schema-missing", "ADD COLUMN source_system"),
        (replace(LIVE, suspended=True, dedup_keys=()), "table-suspended", "RESUME WAL"),
        (
            replace(LIVE, partition_by="MONTH", dedup_keys=()),
            "schema-missing",
            "DEDUP ENABLE",
        ),
    ],
)
def test_what_would_lose_or_double_rows_is_refused_with_the_remedy(
    live: LiveTable | None, code: str, remedy: str
) -> None:
    refusal = stream_refusal(health_of(live), SPEC)
    assert refusal
    assert refusal.code == code
    assert refusal.detail.startswith("meter_usage: ")
    assert remedy in refusal.detail
    assert "\n" not in refusal.detail


def test_absent_questdb_is_refused_with_its_reason() -> None:
    down = QuestDBHealth(False, "cannot connect to QuestDB at db:8812", MappingProxyType({}))
    for health in (down, UNKNOWN):
        refusal = stream_refusal(health, SPEC)
        assert refusal
        assert (refusal.code, refusal.detail) == ("sink-unavailable", health.reason)
        assert refusal.detail


def test_table_health_of_a_missing_table_is_all_negative() -> None:
    there, missing = TableHealth(LIVE), TableHealth(None)
    assert (there.exists, there.dedup, there.suspended) == (True, True, False)
    assert there.wal_lag_transactions == 4
    assert TableHealth(replace(LIVE, suspended=True)).suspended
    assert (missing.exists, missing.dedup, missing.suspended) == (False, False, False)
    assert missing.wal_lag_transactions == 0


@pytest.mark.questdb
def test_poll_finds_what_is_there_and_what_is_not(questdb: TestQuestDB) -> None:
    async def main() -> None:
        poller = HealthPoller(questdb.pg_uri, ["meter_usage", "no_such_table"])
        assert poller.health == UNKNOWN
        health = await poller.poll()
        assert poller.health is health
        assert (health.up, health.reason) == (True, "")
        assert stream_refusal(health, SPEC) is None
        refusal = stream_refusal(health, SPEC.named("no_such_table"))
        assert refusal
        assert refusal.code == "schema-missing"
        await poller.close()

    asyncio.run(main())


@pytest.mark.questdb
def test_suspension_is_seen_while_it_lasts(questdb: TestQuestDB) -> None:
    spec = SPEC.named("health_suspended")
    questdb.query(create_sql(spec))

    async def main() -> None:
        poller = HealthPoller(questdb.pg_uri, [spec.name])
        for statement, code in (("SUSPEND", "table-suspended"), ("RESUME", None)):
            questdb.query(f"ALTER TABLE {spec.name} {statement} WAL")
            refusal = stream_refusal(await poller.poll(), spec)
            assert (refusal.code if refusal else None) == code
        await poller.close()

    asyncio.run(main())


@pytest.mark.questdb
def test_poller_keeps_its_connection_and_recovers_after_refusal_and_silence(
    proxied: MakeProxy,
) -> None:
    async def main() -> None:
        async with proxied() as proxy:
            poller = HealthPoller(proxy.uri, ["meter_usage"], timeout_s=SHORT_S)
            # Of a busy machine, the first answer may take longer than the time-out of this test.
            while not (await poller.poll()).up:
                pass
            before = proxy.connections_count
            assert (await poller.poll()).up
            assert proxy.connections_count == before

            await proxy.cut()
            down = await poller.poll()
            assert (down.up, dict(down.tables)) == (False, {})
            assert "Connection refused" in (await poller.poll()).reason
            await proxy.mend()
            while not (await poller.poll()).up:
                pass

            proxy.hold()
            assert "no answer within 0.3 s" in (await poller.poll()).reason
            assert "no answer within 0.3 s" in (await poller.poll()).reason
            await proxy.mend()
            while not (await poller.poll()).up:
                pass
            await poller.close()

    asyncio.run(main())


def test_reason_of_an_absent_questdb_holds_no_password() -> None:
    async def main() -> None:
        poller = HealthPoller("postgresql://admin:s3cret@127.0.0.1:1/qdb", ["t"])
        health = await poller.poll()
        assert not health.up
        assert "127.0.0.1:1: Connection refused" in health.reason
        assert "s3cret" not in health.reason

    asyncio.run(main())
