"""Rows go on while only the look at the tables fails; a lag is reported and refuses none."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest

from utility_ts_analytics.clock import ManualClock
from utility_ts_analytics.database.health import (
    LAG_WINDOW_S,
    SEEN_AGE_S_MAX,
    UNKNOWN,
    HealthPoller,
    QuestDBHealth,
    TableHealth,
)
from utility_ts_analytics.database.live_table import LiveTable
from utility_ts_analytics.database.table_spec import TableSpec, table_specs
from utility_ts_analytics.service.monitoring.database_watch import DatabaseWatch
from utility_ts_analytics.service.monitoring.stores_watch import StoresWatch

METERS, PLANTS = table_specs()["meter_usage"], table_specs()["generation_output"]
DOWN = QuestDBHealth(False, "pgwire is away", MappingProxyType({}))


def live(spec: TableSpec) -> LiveTable:
    return LiveTable(
        name=spec.name,
        columns=spec.columns,
        timestamp=spec.timestamp,
        partition_by=spec.partition_by,
        wal=True,
        dedup_keys=spec.dedup_keys,
        suspended=False,
        suspended_cause="",
        wal_lag_transactions=0,
    )


def seen(**changes: Any) -> QuestDBHealth:
    """Return a poll that found both tables, the first of them changed."""
    tables = {
        METERS.name: TableHealth(replace(live(METERS), **changes)),
        PLANTS.name: TableHealth(live(PLANTS)),
    }
    return QuestDBHealth(True, "", MappingProxyType(tables))


class Rig:
    """A watch whose polls are recorded ones, and whose HTTP server answers or not.

    `meter_usage` is written over ILP/HTTP, `generation_output` over pgwire.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, lag_max: int = 0) -> None:
        self.clock = ManualClock()
        self.next_poll = UNKNOWN
        self.ilp_answers = True
        self.pings = 0
        monkeypatch.setattr(HealthPoller, "poll", self._poll())
        self.watch = DatabaseWatch(
            "postgresql://a:b@127.0.0.1:1/q",
            [METERS, PLANTS],
            self.clock,
            wal_lag_transactions_max=lag_max,
            ping=self._ping,
            pinged=[METERS.name],
        )

    def poll(self, health: QuestDBHealth, *, after_s: float = 1.0) -> Mapping[str, str]:
        """Poll once; return the code of each table's refusal."""
        self.clock.advance(after_s)
        self.next_poll = health
        asyncio.run(self.watch.poll())
        failures = {name: self.watch.failure_of(name) for name in (METERS.name, PLANTS.name)}
        return {name: failure.code for name, failure in failures.items() if failure is not None}

    def _poll(self) -> Callable[[HealthPoller], Awaitable[QuestDBHealth]]:
        async def poll(_: HealthPoller) -> QuestDBHealth:
            return self.next_poll

        return poll

    async def _ping(self) -> bool:
        self.pings += 1
        return self.ilp_answers


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Rig:
    return Rig(monkeypatch)


def test_rows_over_http_go_on_while_pgwire_alone_is_away_and_it_is_reported(rig: Rig) -> None:
    assert rig.poll(seen()) == {}
    assert (rig.watch.reasons(), rig.pings) == ([], 0)
    assert rig.poll(DOWN) == {PLANTS.name: "sink-unavailable"}
    [refused, unwatched] = rig.watch.reasons()
    assert refused == "pgwire is away"
    assert unwatched.startswith("the tables cannot be watched")
    assert "300 s" in unwatched
    assert unwatched.endswith(": pgwire is away")
    facts = StoresWatch({"": rig.watch}).facts()
    assert facts is not None
    assert not facts["up"]
    assert rig.poll(seen()) == {}
    assert (rig.watch.reasons(), rig.pings) == ([], 1)


def test_both_away_refuses_all_at_once(rig: Rig) -> None:
    rig.poll(seen())
    rig.ilp_answers = False
    assert set(rig.poll(DOWN).values()) == {"sink-unavailable"}
    assert rig.watch.reasons() == ["pgwire is away"]
    rig.ilp_answers = True
    assert rig.poll(DOWN) == {PLANTS.name: "sink-unavailable"}


def test_what_was_seen_last_is_refused_as_it_was(rig: Rig) -> None:
    rig.poll(seen(suspended=True))
    codes = rig.poll(DOWN)
    assert codes == {METERS.name: "table-suspended", PLANTS.name: "sink-unavailable"}


def test_tables_never_seen_are_refused(rig: Rig) -> None:
    assert rig.poll(DOWN)[METERS.name] == "sink-unavailable"
    failure = rig.watch.failure_of(METERS.name)
    assert failure is not None
    assert "not been seen yet" in failure.detail


def test_trust_ends_and_begins_again_with_the_next_look(rig: Rig) -> None:
    rig.poll(seen())
    assert METERS.name not in rig.poll(DOWN, after_s=SEEN_AGE_S_MAX)
    assert rig.poll(DOWN)[METERS.name] == "sink-unavailable"
    assert any("last seen over 5 minutes ago" in reason for reason in rig.watch.reasons())
    assert rig.poll(seen()) == {}
    assert METERS.name not in rig.poll(DOWN)


def test_lag_that_does_not_shrink_is_reported_and_refuses_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rig = Rig(monkeypatch, lag_max=10)
    for second in range(int(LAG_WINDOW_S)):
        assert rig.poll(seen(wal_lag_transactions=11 + second)) == {}
    assert rig.watch.reasons() == []
    assert rig.poll(seen(wal_lag_transactions=50)) == {}
    [reason] = rig.watch.reasons()
    assert reason.startswith("meter_usage: 50 committed transactions wait")
    assert "over 10 (questdb.wal_lag_transactions_max)" in reason
    rig.poll(DOWN)
    assert not any("committed" in reason for reason in rig.watch.reasons())
    rig.poll(seen(wal_lag_transactions=10))
    assert rig.watch.reasons() == []
