"""A server process tells whether it serves, what it died of, and which workers are its own."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.process.running_service import free_ports
from tests.unit.service.worker_states import worker_state

from utility_ts_analytics.asgi.protocol import AsgiApp, Receive, Scope, Send, run_lifespan
from utility_ts_analytics.service.plans import Listener, ServerPlan
from utility_ts_analytics.service.server_process import (
    ServerProcess,
    make_app_on_free_disk,
)
from utility_ts_analytics.service.shared_worker_state import (
    DRAINING,
    REFUSING,
    SERVING,
    STARTING,
)

pytestmark = pytest.mark.process

STARTED_S = 100.0
TIMEOUT_S = 30.0


class Life:
    """Starts, unless there is a reason against it."""

    def __init__(self, trouble: str = "") -> None:
        self.trouble = trouble

    async def startup(self) -> None:
        if self.trouble:
            raise OSError(self.trouble)

    async def shutdown(self) -> None:
        """Nothing is held."""


def start(folder: Path, life: Life) -> ServerProcess:
    def make_app(_folder: Path) -> AsgiApp:
        async def app(_scope: Scope, receive: Receive, send: Send) -> None:
            await run_lifespan(receive, send, life)

        return app

    listener = Listener("x", "127.0.0.1", free_ports(1)[0])
    plan = ServerPlan("meter_usage", listener, 1, make_app, drain_timeout_s=1)
    return ServerProcess(plan, folder, now_s=STARTED_S)


@pytest.fixture
def process(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server that runs for the length of a test."""
    running = start(tmp_path, Life())
    yield running
    running.kill([])


def test_startup_that_fails_ends_the_server_and_is_its_last_error(tmp_path: Path) -> None:
    process = start(tmp_path, Life("no room for a queue"))
    assert process.join(TIMEOUT_S)
    assert process.exit_code == 1
    assert process.last_error == "startup failed: no room for a queue"


def test_server_that_is_killed_says_so(process: ServerProcess) -> None:
    assert process.exit_code is None
    assert process.last_error == ""
    process.kill([])
    assert process.last_error == "killed by SIGKILL"


def test_server_serves_while_all_its_workers_do(process: ServerProcess) -> None:
    # The server itself stands for a worker: it is alive, and in its session.
    own = process.pid
    until_in_its_session(own)
    for state, beat_s, serves in [
        (STARTING, 0.0, False),
        (SERVING, 101.0, True),
        (REFUSING, 101.5, True),
        (DRAINING, 102.0, False),
    ]:
        workers = [worker_state(own, server_pid=own, state=state, beat_s=beat_s)]
        assert process.serves(workers) is serves, (state, beat_s)


def test_signs_of_strangers_and_of_the_dead_are_not_its_workers(process: ServerProcess) -> None:
    own = process.pid
    until_in_its_session(own)
    mine = worker_state(own, server_pid=own)
    others = [
        worker_state(os.getpid(), server_pid=os.getsid(0)),
        worker_state(os.getpid(), server_pid=own),
    ]
    assert process.own_workers([mine, *others]) == [mine]


def test_sign_of_an_earlier_server_with_its_process_id_does_not_count_as_served(
    process: ServerProcess,
) -> None:
    own = process.pid
    assert not process.has_served([worker_state(server_pid=own, beat_s=STARTED_S - 1)])
    assert not process.has_served(
        [worker_state(server_pid=own, beat_s=STARTED_S + 1, state=STARTING)]
    )
    assert not process.has_served([worker_state(server_pid=own + 1, beat_s=STARTED_S + 1)])
    assert process.has_served([worker_state(server_pid=own, beat_s=STARTED_S + 1)])


def until_in_its_session(pid: int) -> None:
    """Return once a process that was just forked leads its session."""
    while os.getsid(pid) != pid:
        os.sched_yield()


def test_full_disk_is_waited_for_and_other_trouble_is_not(tmp_path: Path) -> None:
    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise AssertionError("nobody asks it")

    troubles = [OSError(errno.ENOSPC, "full"), OSError(errno.ENOSPC, "full")]

    def make_app(_folder: Path) -> AsgiApp:
        if troubles:
            raise troubles.pop()
        return app

    plan = ServerPlan("meter_usage", Listener("x", "127.0.0.1", 1), 1, make_app, 1)
    assert make_app_on_free_disk(plan, tmp_path, retry_s=0.0) is app
    troubles.append(FileNotFoundError(errno.ENOENT, "gone"))
    with pytest.raises(FileNotFoundError):
        make_app_on_free_disk(plan, tmp_path, retry_s=0.0)
