"""pgwire that is away stops no reading while ILP over HTTP works and the tables have been seen."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from loadtest.faults.proxy import Proxy, ProxyThread
from tests.process.running_service import MakeId, QuestDBPorts, RunningService, run_service
from tests.process.sample_readings import expected_kwh, reading_lines
from tests.process.stored_tables import StoredTables, until

from utility_ts_analytics.clock import SystemClock

pytestmark = [pytest.mark.process, pytest.mark.questdb]

REFUSAL_S_MAX = 3.0
OVER_PGWIRE = {"generation_output": {"sink": {"kind": "pgwire"}}}
PLANT = b'{"ts":"2024-01-01T00:00:00Z","plant_id":"p","mw":1}'


@dataclass(frozen=True, slots=True)
class Gated:
    """A QuestDB that is reached through two proxies."""

    http: ProxyThread
    pgwire: ProxyThread
    ilp_port: int

    @property
    def http_port(self) -> int:
        return self.http.port

    @property
    def pg_uri(self) -> str:
        return f"postgresql://admin:quest@127.0.0.1:{self.pgwire.port}/qdb"


@pytest.fixture
def gated(questdb: QuestDBPorts) -> Iterator[Gated]:
    pg_port = int(questdb.pg_uri.rpartition(":")[2].partition("/")[0])
    with (
        ProxyThread("127.0.0.1", questdb.http_port) as http,
        ProxyThread("127.0.0.1", pg_port) as pgwire,
    ):
        yield Gated(http, pgwire, questdb.ilp_port)


def code_of(service: RunningService, body: bytes, stream: str = "meter_usage") -> str:
    """Return "" for a 200, or the code of the problem."""
    answer = service.post_lines(body, stream=stream)
    if answer.status == 200:
        return ""
    return answer.problem(503, "sink-unavailable").code


def test_posts_go_on_over_http_while_pgwire_is_away_and_readyz_says_why(
    gated: Gated, tables: StoredTables, tmp_path: Path, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    with run_service(tmp_path, gated, OVER_PGWIRE) as service:
        gated.pgwire.do(Proxy.refuse)
        until(lambda: "cannot be watched" in service.unreadiness(), "/readyz says so")
        # Not one post is refused, before and after the workers have seen it too.
        until(lambda: code_of(service, PLANT, "generation_output") != "", "the other is refused")
        for count in range(1, 6):
            body = reading_lines(meter_id, count)
            assert service.post_lines(body).accepted_all().accepted == count
        assert [row["kwh"] for row in tables.meter(meter_id)] == expected_kwh(5)
        reasons = service.unreadiness()
        assert "on what was seen last" in reasons
        assert "127.0.0.1" in reasons
        assert "quest@" not in reasons

        gated.pgwire.do(Proxy.mend)
        service.wait_ready()
        until(lambda: code_of(service, PLANT, "generation_output") == "", "the other is back")


def test_silent_pgwire_is_as_good_as_none(gated: Gated, tmp_path: Path, make_id: MakeId) -> None:
    body = reading_lines(make_id("m"), 1)
    with run_service(tmp_path, gated, {}) as service:
        gated.pgwire.do(Proxy.hold)
        until(lambda: "cannot be watched" in service.unreadiness(), "/readyz says so")
        for _ in range(5):
            service.post_lines(body).accepted_all()
        gated.pgwire.do(Proxy.mend)
        service.wait_ready()


def test_both_away_is_a_503_at_once(gated: Gated, tmp_path: Path, make_id: MakeId) -> None:
    body = reading_lines(make_id("m"), 1)
    clock = SystemClock()
    with run_service(tmp_path, gated, {}) as service:
        gated.pgwire.do(Proxy.refuse)
        gated.http.do(Proxy.refuse)
        until(lambda: "QuestDB" in service.unreadiness(), "/readyz is red")
        until(lambda: code_of(service, body) != "", "the worker has seen it")
        began_s = clock.monotonic_s()
        service.post_lines(body).problem(503, "sink-unavailable")
        assert clock.monotonic_s() - began_s < REFUSAL_S_MAX

        gated.http.do(Proxy.mend)
        until(lambda: code_of(service, body) == "", "ILP alone is enough again")
        gated.pgwire.do(Proxy.mend)
        service.wait_ready()


def test_tables_that_were_never_seen_are_not_trusted(
    gated: Gated, tables: StoredTables, tmp_path: Path, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    body = reading_lines(meter_id, 2)
    gated.pgwire.do(Proxy.refuse)
    with run_service(tmp_path, gated, {}, ready=False) as service:
        answer = service.post_lines(body)
        problem = answer.problem(503, "sink-unavailable")
        assert "have not been seen yet" in problem.detail
        assert (problem.accepted, tables.count_meter(meter_id)) == (0, 0)
        gated.pgwire.do(Proxy.mend)
        service.wait_ready()
        until(lambda: code_of(service, body) == "", "posts are taken")
