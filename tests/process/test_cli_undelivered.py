"""SIGTERM while rows cannot be delivered: it ends within its limit and says what was left."""

import json
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.process.process_family import descendants, is_alive, worker_on
from tests.process.process_logs import logged
from tests.process.raw_http import Answer
from tests.process.running_service import MakeId, RunningService, Section, StartService
from tests.process.sample_readings import reading_lines
from tests.process.scraped_metrics import scrape
from tests.process.stored_tables import until

from utility_ts_analytics.clock import SystemClock

pytestmark = [pytest.mark.process, pytest.mark.questdb]

ROWS = 100
DRAIN_S = 2
KILL_MARGIN_S = 5
STOP_MARGIN_S = 5
LEFT = "rows were not delivered before the stop"


@pytest.fixture
def silent_questdb() -> Iterator[Section]:
    """Settings for a QuestDB that is well, but whose ILP port never answers."""
    with socket.create_server(("127.0.0.1", 0)) as hole:
        address = f"127.0.0.1:{hole.getsockname()[1]}"
        yield {
            "questdb": {"ilp_http_addr": address},
            "meter_usage": {"sink": {"fallback": "none"}},
            "server": {"drain_timeout_s": DRAIN_S},
        }


@contextmanager
def waiting_post(service: RunningService, meter_id: str) -> Iterator[list[Answer | None]]:
    """Post rows that nobody takes; the list gets the answer, or None for a broken connection."""
    ends: list[Answer | None] = []

    def post() -> None:
        try:
            ends.append(service.post_lines(reading_lines(meter_id, ROWS)))
        except OSError:
            ends.append(None)

    def is_held() -> bool:
        status = json.loads(service.ask_operations("/status.json").body)
        return bool(status["streams"]["meter_usage"]["held_rows"] == ROWS)

    client = threading.Thread(target=post)
    client.start()
    try:
        until(is_held, "the rows are held")
        yield ends
    finally:
        client.join()


def test_rows_given_back_at_the_drain_limit_are_reported(
    start_service: StartService, silent_questdb: Section, make_id: MakeId
) -> None:
    clock = SystemClock()
    service = start_service(silent_questdb)
    with waiting_post(service, make_id("m")) as ends:
        began_s = clock.monotonic_s()
        assert service.terminate() == 0
        assert clock.monotonic_s() - began_s < DRAIN_S + KILL_MARGIN_S + STOP_MARGIN_S
    [answer] = ends
    assert answer is not None
    assert answer.problem(503, "draining").accepted == 0
    [left] = logged(service, LEFT)
    assert left["stream"] == "meter_usage"
    assert (left["lost_rows"], left["given_back_rows"]) == (0, ROWS)


def test_rows_of_a_worker_that_had_to_be_killed_are_reported_as_lost(
    start_service: StartService, silent_questdb: Section, make_id: MakeId
) -> None:
    clock = SystemClock()
    service = start_service(silent_questdb)
    family = descendants(service.process.pid)
    with waiting_post(service, make_id("m")) as ends:
        os.kill(worker_on(service.ports.meter_usage), signal.SIGSTOP)
        began_s = clock.monotonic_s()
        assert service.terminate() == 0
        assert clock.monotonic_s() - began_s < DRAIN_S + KILL_MARGIN_S + STOP_MARGIN_S
    assert ends == [None]
    [left] = logged(service, LEFT)
    assert left["stream"] == "meter_usage"
    assert (left["lost_rows"], left["given_back_rows"]) == (ROWS, 0)
    assert not any(map(is_alive, family))


def test_rows_of_a_killed_worker_are_in_flight_and_then_failed_and_never_stored(
    start_service: StartService, silent_questdb: Section, make_id: MakeId
) -> None:
    service = start_service(silent_questdb)

    def rows(what: str, **labels: str) -> float:
        return scrape(service).value(f"ingestion_rows_{what}", stream="meter_usage", **labels)

    with waiting_post(service, make_id("m")) as ends:
        assert rows("in_flight") == rows("received_total") == ROWS
        assert scrape(service).imbalance("meter_usage") == 0
        os.kill(worker_on(service.ports.meter_usage), signal.SIGKILL)
        until(lambda: rows("in_flight") == 0, "the death is booked")
    assert ends == [None]
    assert rows("failed_total", reason="worker-died") == ROWS
    assert rows("received_total") == ROWS
    assert rows("stored_total") == 0
    assert service.terminate() == 0
