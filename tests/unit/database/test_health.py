import asyncio
from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType

import pytest
from tests.conftest import TestQuestDB
from tests.unit.database.conftest import MakeProxy

from utility_ts_analytics.database.health import (
    LAG_WINDOW_S,
    SEEN_AGE_S_MAX,
    UNKNOWN,
    HealthPoller,
    LagTrend,
    LastSeen,
    QuestDBHealth,
    TableHealth,
    health_on_trust,
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


UP = QuestDBHealth(True, "", MappingProxyType({"t": TableHealth(None)}))
OLDER = QuestDBHealth(True, "", MappingProxyType({}))
DOWN = QuestDBHealth(False, "cannot connect", MappingProxyType({}))


@pytest.mark.parametrize("ilp_answers", [True, False])
@pytest.mark.parametrize("seen", [None, LastSeen(OLDER, 0.0)])
def test_poll_that_was_answered_is_what_holds(seen: LastSeen | None, ilp_answers: bool) -> None:
    assert health_on_trust(UP, seen, now_s=1.0, ilp_answers=ilp_answers) is UP


def test_nothing_holds_where_neither_answers() -> None:
    assert health_on_trust(DOWN, LastSeen(UP, 0.0), now_s=1.0, ilp_answers=False) is DOWN


def test_last_look_holds_until_it_is_too_old() -> None:
    seen = LastSeen(UP, 50.0)
    assert health_on_trust(DOWN, seen, now_s=50.0 + SEEN_AGE_S_MAX, ilp_answers=True) is UP
    late = health_on_trust(DOWN, seen, now_s=50.1 + SEEN_AGE_S_MAX, ilp_answers=True)
    assert not late.up
    assert "over 5 minutes ago: cannot connect" in late.reason


@pytest.mark.parametrize("polled", [DOWN, UNKNOWN])
def test_tables_never_seen_are_not_trusted(polled: QuestDBHealth) -> None:
    health = health_on_trust(polled, None, now_s=1.0, ilp_answers=True)
    assert not health.up
    assert health.reason == f"the tables have not been seen yet: {polled.reason}"


MAX = 1000
WINDOW = int(LAG_WINDOW_S)


def growing_after(polls: Callable[[int], int], seconds: int, transactions_max: int = MAX) -> bool:
    trend = LagTrend(transactions_max)
    for second in range(seconds + 1):
        trend.see(polls(second), float(second))
    return trend.growing


@pytest.mark.parametrize(
    ("polls", "growing"),
    [
        (lambda second: MAX + 1 + second, True),
        (lambda second: MAX + 1, True),
        (lambda second: 1_000_000 - second, False),
        (lambda second: MAX, False),
        (lambda second: MAX + 500 + (300 if second % 2 else -300) + second, True),
        (lambda second: 5 * MAX - 100 * second + (300 if second % 2 else -300), False),
        (lambda second: 0 if second == WINDOW // 2 else 5 * MAX, False),
    ],
    ids=["grows", "stays", "shrinks", "small", "grows in bursts", "shrinks in bursts", "was gone"],
)
def test_trend_of_one_window(polls: Callable[[int], int], growing: bool) -> None:
    assert growing_after(polls, WINDOW) == growing


def test_nothing_is_said_before_the_window_is_over() -> None:
    assert not growing_after(lambda second: MAX + 1 + second, WINDOW - 1)


def test_only_the_last_window_counts() -> None:
    """It grew for long and shrinks now, or the other way round."""
    assert not growing_after(lambda s: 2 * MAX + (s * 10 if s < 100 else 2000 - s * 10), 100 + 40)
    assert growing_after(lambda s: 9 * MAX - s * 10 if s < 100 else 8 * MAX + s, 100 + 40)


def test_it_is_over_with_the_first_small_lag_and_starts_anew() -> None:
    trend = LagTrend(MAX)
    found = []
    for second in range(WINDOW + 3):
        trend.see(MAX if second == WINDOW + 1 else MAX + 1, float(second))
        found.append(trend.growing)
    assert found == [False] * WINDOW + [True, False, False]


def test_zero_turns_it_off() -> None:
    assert not growing_after(lambda second: 10**6 + second, WINDOW, transactions_max=0)


def test_polls_far_apart_make_a_window_too() -> None:
    trend = LagTrend(MAX)
    for at_s in (0.0, 100.0, 200.0):
        trend.see(MAX + 1, at_s)
    assert trend.growing
