"""ILP fails while the database lives: rows go by pgwire, and by ILP again once it works."""

import contextlib
from collections.abc import Iterator

import pytest
from loadtest.faults.proxy import Proxy, ProxyThread
from tests.process.running_service import Launch, MakeId, QuestDBPorts, RunningService
from tests.process.sample_readings import expected_kwh, reading_lines
from tests.process.stored_tables import StoredTables, until

from utility_ts_analytics.clock import SystemClock
from utility_ts_analytics.delivery.order import GRACE_S
from utility_ts_analytics.delivery.sending import TRIAL_TIMEOUT_S

pytestmark = [pytest.mark.process, pytest.mark.questdb]

# A request may take longer than a trial of a failed way does: the two time-outs must not mix.
SINK = {"delivery_timeout_ms": 6_000, "request_timeout_ms": 3_000, "max_retries": 0}
ANSWER_S_MAX = 8.0
"""Longest time to an answer: the delivery of these tests gives up after 6 s."""

AT_ONCE_S = 1.0


@contextlib.contextmanager
def behind(
    launch: Launch, questdb: QuestDBPorts, **sink: object
) -> Iterator[tuple[RunningService, ProxyThread]]:
    """Run a service that reaches ILP through a proxy, and pgwire directly."""
    with ProxyThread("127.0.0.1", questdb.http_port) as proxy:
        settings = {
            "questdb": {"ilp_http_addr": f"127.0.0.1:{proxy.port}"},
            "meter_usage": {"sink": {**SINK, **sink}},
        }
        with launch(settings) as service:
            yield service, proxy


def went_by_ilp(service: RunningService, proxy: ProxyThread, body: bytes) -> bool:
    """Post, and tell whether the rows went through the proxy."""
    assert service.post_lines(body).status == 200
    return "back to the first choice" in service.output()


@pytest.mark.parametrize("fault", [Proxy.refuse, Proxy.hold], ids=["refuses", "is silent"])
def test_rows_are_stored_by_pgwire_while_ilp_fails_and_by_ilp_again_afterwards(
    launch: Launch, questdb: QuestDBPorts, tables: StoredTables, make_id: MakeId, fault: object
) -> None:
    clock = SystemClock()
    ids = [make_id("m") for _ in range(3)]
    with behind(launch, questdb) as (service, proxy):
        service.post_lines(reading_lines(ids[0], 300)).accepted_all()
        proxy.do(fault)  # type: ignore[arg-type]  # one of two methods of the proxy
        began_s = clock.monotonic_s()
        service.post_lines(reading_lines(ids[1], 300)).accepted_all()
        assert clock.monotonic_s() - began_s < ANSWER_S_MAX
        began_s = clock.monotonic_s()
        service.post_lines(reading_lines(ids[1], 300)).accepted_all()
        assert clock.monotonic_s() - began_s < AT_ONCE_S + GRACE_S + TRIAL_TIMEOUT_S
        assert "falling back" in service.output()

        proxy.do(Proxy.mend)
        body = reading_lines(ids[2], 300)
        until(lambda: went_by_ilp(service, proxy, body), "ILP is used again", timeout_s=20)
    for meter_id in ids:
        assert [row["kwh"] for row in tables.meter(meter_id)] == expected_kwh(300)


def test_every_value_is_the_same_by_either_way(
    launch: Launch, questdb: QuestDBPorts, tables: StoredTables, make_id: MakeId
) -> None:
    direct, fallen_back = make_id("m"), make_id("m")
    with behind(launch, questdb) as (service, proxy):
        service.post_lines(reading_lines(direct, 50)).accepted_all()
        proxy.do(Proxy.refuse)
        service.post_lines(reading_lines(fallen_back, 50)).accepted_all()
        # The same readings again: the ids that tell versions apart are the same by either way.
        service.post_lines(reading_lines(direct, 50)).accepted_all()
    rows = [tables.meter(meter_id) for meter_id in (direct, fallen_back)]
    for row in (*rows[0], *rows[1]):
        del row["meter_id"], row["event_id"]
    assert rows[0] == rows[1]


def test_without_fallback_ilp_trouble_is_503_and_then_at_once(
    launch: Launch, questdb: QuestDBPorts, tables: StoredTables, make_id: MakeId
) -> None:
    clock = SystemClock()
    meter_id = make_id("m")
    with behind(launch, questdb, fallback="none") as (service, proxy):
        proxy.do(Proxy.refuse)
        answer = service.post_lines(reading_lines(meter_id, 10))
        assert answer.problem(503, "sink-unavailable").accepted == 0
        began_s = clock.monotonic_s()
        again = service.post_lines(reading_lines(meter_id, 10))
        assert clock.monotonic_s() - began_s < AT_ONCE_S
        assert again.problem(503, "sink-unavailable").retryable
        assert again.retry_after_s >= 1
        proxy.do(Proxy.mend)
        until(
            lambda: service.post_lines(reading_lines(meter_id, 10)).status == 200,
            "posts are taken again",
        )
    assert [row["kwh"] for row in tables.meter(meter_id)] == expected_kwh(10)
