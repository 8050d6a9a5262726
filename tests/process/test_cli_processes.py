"""The life of the service's processes: draining, a killed worker, a killed supervisor."""

import os
import signal

import pytest
from tests.process.process_family import descendants, is_alive, listeners, worker_on
from tests.process.raw_http import NDJSON, Connection
from tests.process.running_service import MakeId, RunningService, StartService
from tests.process.sample_readings import expected_kwh, reading_lines
from tests.process.stored_tables import StoredTables, until

from utility_ts_analytics.clock import SystemClock

pytestmark = [pytest.mark.process, pytest.mark.questdb]

PATH = "/ingest/meter_usage/ndjson"
HIDDEN_TOKEN = "hidden-token-1f7a"  # noqa: S105 - opens nothing but one test's service
DRAIN_S = 3
STOP_MARGIN_S = 5
"""What stopping may take beyond the drain limit: ending the processes on a busy machine."""


def open_upload(service: RunningService) -> Connection:
    """Start a chunked upload and return once the service has admitted it."""
    connection = service.connect()
    connection.send_head(
        PATH,
        {"content-type": NDJSON, "transfer-encoding": "chunked", "expect": "100-continue"},
    )
    assert connection.next_status() == 100
    return connection


def assert_no_longer_taking(service: RunningService) -> None:
    """Return once new connections are refused or answered 503 draining."""

    def closed() -> bool:
        try:
            answer = service.post_lines(b"")
        except OSError:
            return True
        return answer.status == 503 and answer.problem(503, "draining").retryable

    until(closed, "the service takes nothing new")


def test_sigterm_without_work_ends_with_0_at_once(start_service: StartService) -> None:
    clock = SystemClock()
    service = start_service({})
    family = descendants(service.process.pid)
    assert family
    began_s = clock.monotonic_s()
    assert service.terminate() == 0
    assert clock.monotonic_s() - began_s < STOP_MARGIN_S
    assert not [pid for pid in family if is_alive(pid)]


def test_sigint_ends_like_sigterm(start_service: StartService) -> None:
    service = start_service({})
    family = descendants(service.process.pid)
    service.process.send_signal(signal.SIGINT)
    assert service.process.wait(15) == 0
    assert not [pid for pid in family if is_alive(pid)]
    assert "Traceback" not in service.output()


def test_upload_that_ends_while_draining_is_answered_and_accepted_rows_are_stored(
    start_service: StartService, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    service = start_service({"server": {"drain_timeout_s": 10}})
    body = reading_lines(meter_id, 4_000, step_s=1)
    with open_upload(service) as upload:
        upload.send_chunk(body[: len(body) // 2])
        service.process.send_signal(signal.SIGTERM)
        assert_no_longer_taking(service)
        upload.send_chunk(body[len(body) // 2 :])
        upload.end_chunks()
        answer = upload.answer()
    if answer.status == 200:
        accepted = answer.accepted_all().accepted
        assert accepted == 4_000
    else:
        problem = answer.problem(503, "draining")
        assert problem.retryable
        assert answer.retry_after_s >= 1
        accepted = problem.accepted
    assert service.process.wait(15) == 0
    stored = [row["kwh"] for row in tables.meter(meter_id)]
    assert stored == expected_kwh(len(stored))
    assert len(stored) >= accepted


def test_upload_that_never_ends_is_cut_at_the_drain_limit(
    start_service: StartService, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    clock = SystemClock()
    service = start_service({"server": {"drain_timeout_s": DRAIN_S}})
    family = descendants(service.process.pid)
    with open_upload(service) as upload:
        upload.send_chunk(reading_lines(meter_id, 100))
        began_s = clock.monotonic_s()
        assert service.terminate() == 0
        assert clock.monotonic_s() - began_s < DRAIN_S + STOP_MARGIN_S
        answer = upload.answer_or_closed()
    accepted = 0 if answer is None else answer.problem(503, "draining").accepted
    assert tables.count_meter(meter_id) >= accepted
    assert not [pid for pid in family if is_alive(pid)]


def test_killed_worker_is_replaced_and_posts_go_on(
    start_service: StartService, tables: StoredTables, make_id: MakeId
) -> None:
    before, after = make_id("m"), make_id("m")
    service = start_service({})
    service.post_lines(reading_lines(before, 500)).accepted_all()
    killed = worker_on(service.ports.meter_usage)
    os.kill(killed, signal.SIGKILL)

    def is_taken() -> bool:
        try:
            return service.post_lines(reading_lines(after, 500)).status == 200
        except OSError:
            return False

    until(is_taken, "a new worker takes posts")
    assert service.process.poll() is None
    assert worker_on(service.ports.meter_usage) != killed
    for meter_id in (before, after):
        assert [row["kwh"] for row in tables.meter(meter_id)] == expected_kwh(500)
    assert service.post_lines(b"", stream="generation_output").status == 200
    assert service.terminate() == 0


def test_killed_supervisor_leaves_no_process_behind(start_service: StartService) -> None:
    service = start_service({"meter_usage": {"source": {"workers": 2}}})
    family = descendants(service.process.pid)
    assert len(family) >= 3
    service.process.kill()
    service.process.wait(5)
    try:
        until(lambda: not any(map(is_alive, family)), "every process has ended", timeout_s=8)
    finally:
        for pid in filter(is_alive, family):
            os.kill(pid, signal.SIGKILL)
    assert not listeners(service.ports.meter_usage)


def test_no_token_password_or_payload_is_printed_from_start_to_stop(
    start_service: StartService, make_id: MakeId
) -> None:
    service = start_service(
        {
            "meter_usage": {"source": {"auth_bearer_token": HIDDEN_TOKEN}},
            "server": {"log_level": "debug"},
        }
    )
    body = reading_lines(make_id("hidden-meter"), 2) + b'{"meter_id":"hidden-meter-x"\n'
    answer = service.post_lines(body, headers={"authorization": f"Bearer {HIDDEN_TOKEN}"})
    assert answer.summary().accepted == 2
    service.post_lines(body, headers={"authorization": "Bearer hidden-token-0000"})
    assert service.terminate() == 0
    output = service.output()
    assert "hidden" not in output
    assert "admin:quest" not in output
