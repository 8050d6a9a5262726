"""Workers that die: the service outlives it, or says what they died of and exits with 3."""

import os
import shutil
import signal

import pytest
from tests.process.process_family import is_alive, listeners, runtime_dir_of, worker_on
from tests.process.process_logs import logged
from tests.process.raw_http import NDJSON
from tests.process.running_service import MakeId, RunningService, StartService
from tests.process.sample_readings import reading_lines
from tests.process.steady_posts import BROKEN, SteadyPosts
from tests.process.stored_tables import StoredTables, until

pytestmark = [pytest.mark.process, pytest.mark.questdb]

PATH = "/ingest/meter_usage/ndjson"
KILLS = 8


def kill_worker(service: RunningService) -> int:
    """Kill the worker of the first stream as soon as there is one."""
    until(lambda: bool(listeners(service.ports.meter_usage)), "a worker listens")
    pid = worker_on(service.ports.meter_usage)
    os.kill(pid, signal.SIGKILL)
    until(lambda: not is_alive(pid), "the worker is dead")
    return pid


def test_service_outlives_a_worker_that_is_killed_again_and_again_under_posts(
    start_service: StartService, tables: StoredTables, make_id: MakeId
) -> None:
    service = start_service({})
    posts = SteadyPosts(service, make_id("killed"))
    with posts.running():
        for _ in range(KILLS):
            posts.wait_more(5)
            kill_worker(service)
        posts.wait_more()
    assert posts.odd == []
    posts.assert_stored(tables)
    assert posts.statuses[BROKEN] > 0
    deaths = logged(service, "a server died; starting it again")
    assert len(deaths) >= 2, "Granian itself gave up in between"
    for death in deaths:
        assert (death["server"], death["last_error"]) == (
            "meter_usage",
            "a worker: killed by SIGKILL",
        )
    assert service.terminate() == 0


def test_workers_that_a_killed_server_left_behind_end_within_the_drain_limit(
    start_service: StartService, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    service = start_service({"server": {"drain_timeout_s": 3}})
    left = worker_on(service.ports.meter_usage)
    with service.connect() as upload:
        upload.send_head(PATH, {"content-type": NDJSON, "transfer-encoding": "chunked"})
        upload.send_chunk(reading_lines(meter_id, 5))
        os.kill(os.getsid(left), signal.SIGKILL)
        until(lambda: listeners(service.ports.meter_usage) - {left} != set(), "it is replaced")
        assert service.post_lines(b"").status == 200
        upload.answer().problem(503, "draining")
    until(lambda: not is_alive(left), "the worker without a server has ended")
    assert tables.count_meter(meter_id) in (0, 5)
    assert service.terminate() == 0


def test_workers_that_can_never_start_end_the_service_with_3_and_the_last_error(
    start_service: StartService,
) -> None:
    service = start_service({})
    shutil.rmtree(runtime_dir_of(service.process.pid))
    kill_worker(service)
    assert service.process.wait(60) == 3
    [end] = logged(service, "a server dies before it serves; giving up")
    assert (end["server"], end["deaths"], end["exit_code"]) == ("meter_usage", 5, 1)
    last_error = str(end["last_error"])
    assert last_error.startswith("FileNotFoundError: ")
    assert ".worker" in last_error
    assert not listeners(service.ports.meter_usage)
