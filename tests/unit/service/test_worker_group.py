"""Workers without a listener: replaced when they die, stopped in order, ended with their parent."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.process.stored_tables import until

from utility_ts_analytics.service.plans import ConsumerPlan
from utility_ts_analytics.service.server_process import ServerProcess


def work_until_stopped(folder: Path) -> None:
    """Note that this worker runs, and end at SIGTERM with a note."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    (folder / f"{os.getpid()}.started").touch()
    signal.sigwait({signal.SIGTERM})
    (folder / f"{os.getpid()}.stopped").touch()


def fail(_: Path) -> None:
    raise ValueError("a reason")


@pytest.fixture
def group(tmp_path: Path) -> Iterator[ServerProcess]:
    plan = ConsumerPlan("meter_usage", 2, work_until_stopped, drain_timeout_s=5)
    process = ServerProcess(plan, tmp_path, now_s=0.0)
    yield process
    process.kill([])


def started(folder: Path) -> set[int]:
    return {int(path.stem) for path in folder.glob("*.started")}


def test_stop_lets_every_worker_finish(group: ServerProcess, tmp_path: Path) -> None:
    until(lambda: len(started(tmp_path)) == 2, "both workers run")
    group.stop()
    assert group.join(20.0)
    assert group.exit_code == 0
    assert {int(path.stem) for path in tmp_path.glob("*.stopped")} == started(tmp_path)


def test_workers_are_in_the_session_of_their_server(group: ServerProcess, tmp_path: Path) -> None:
    until(lambda: len(started(tmp_path)) == 2, "both workers run")
    assert {os.getsid(pid) for pid in started(tmp_path)} == {group.pid}


def test_worker_that_dies_at_once_ends_the_server_with_its_error(tmp_path: Path) -> None:
    process = ServerProcess(ConsumerPlan("meter_usage", 1, fail, 5), tmp_path, now_s=0.0)
    try:
        assert process.join(20.0)
        assert process.exit_code == 1
        assert process.last_error == "ValueError: a reason"
    finally:
        process.kill([])
