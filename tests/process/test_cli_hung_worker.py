"""A worker whose event loop hangs is killed and replaced; nobody else is."""

import os
import signal
import threading
from collections.abc import Callable

import pytest
from tests.process.process_family import descendants, is_alive, worker_on
from tests.process.process_logs import logged, wait_logged
from tests.process.raw_http import ask
from tests.process.running_service import MakeId, StartService
from tests.process.sample_readings import expected_kwh, reading_lines
from tests.process.stored_tables import StoredTables, until

pytestmark = [pytest.mark.process, pytest.mark.questdb]

SILENT_S = 2
KILLED = "worker unresponsive; killing it"
WATCHED = {"server": {"worker_silent_s": SILENT_S}}


def is_ok(status: Callable[[], int]) -> bool:
    try:
        return status() == 200
    except OSError:
        return False


def test_workers_that_stand_still_are_replaced_also_that_of_operations(
    start_service: StartService, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    service = start_service(WATCHED)
    ports = {"meter_usage": service.ports.meter_usage, "operations": service.ports.operations}
    still = {name: worker_on(port) for name, port in ports.items()}
    for pid in still.values():
        os.kill(pid, signal.SIGSTOP)
    killed = wait_logged(service, KILLED, 2)
    assert {str(fact["stream"]): fact["pid"] for fact in killed} == still
    for fact in killed:
        silent_s = fact["silent_s"]
        assert isinstance(silent_s, float)
        assert SILENT_S <= silent_s < SILENT_S + 5
    body = reading_lines(meter_id, 50)
    until(lambda: is_ok(lambda: service.post_lines(body).status), "posts are taken again")
    until(lambda: is_ok(lambda: ask(ports["operations"], "/healthz").status), "operations answer")
    assert not any(map(is_alive, still.values()))
    assert [row["kwh"] for row in tables.meter(meter_id)] == expected_kwh(50)
    assert service.terminate() == 0
    assert len(logged(service, KILLED)) == 2


def test_pause_of_the_whole_service_kills_nobody(start_service: StartService) -> None:
    service = start_service(WATCHED)
    supervisor, family = service.process.pid, descendants(service.process.pid)
    pause = threading.Event()  # the processes' own clocks have to pass the limit
    for pid in (supervisor, *family):
        os.kill(pid, signal.SIGSTOP)
    pause.wait(SILENT_S + 1)
    os.kill(supervisor, signal.SIGCONT)
    pause.wait(0.7)  # it looks at the beats at once, while all are old
    for pid in family:
        os.kill(pid, signal.SIGCONT)
    pause.wait(SILENT_S + 1)
    assert logged(service, KILLED) == []
    assert descendants(supervisor) == family
    assert service.post_lines(b"").status == 200


def test_sign_of_a_dead_worker_kills_nobody(start_service: StartService) -> None:
    service = start_service(WATCHED)
    os.kill(worker_on(service.ports.meter_usage), signal.SIGKILL)
    wait_logged(service, "a worker died")
    until(lambda: is_ok(lambda: service.post_lines(b"").status), "posts are taken again")
    family = descendants(service.process.pid)
    threading.Event().wait(SILENT_S + 1)
    assert logged(service, KILLED) == []
    assert descendants(service.process.pid) == family
