import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from utility_ts_analytics.clock import SystemClock
from utility_ts_analytics.database.embedded_questdb import jvm_guard
from utility_ts_analytics.database.embedded_questdb.data_directory import DataDirectory
from utility_ts_analytics.errors import OperatorError

pytestmark = pytest.mark.process

GUARD = [sys.executable, "-I", "-S", str(jvm_guard.__file__)]
STUBBORN = ["sh", "-c", "trap '' TERM; echo ready >&2; exec sleep 600"]
PATIENT_S = 60.0
END_TIMEOUT_S = 15.0

WaitGone = Callable[[int], None]


@contextmanager
def guarded(
    command: list[str],
    *,
    stop_timeout_s: float = PATIENT_S,
    parent_pid: int | None = None,
    lock_fd: int | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a guard with this command below it; both are gone afterwards."""
    null = os.open(os.devnull, os.O_RDONLY) if lock_fd is None else lock_fd
    guard = subprocess.Popen(
        [*GUARD, str(parent_pid or os.getpid()), str(stop_timeout_s), str(null), *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=(null,),
    )
    os.close(null)
    with guard:
        try:
            yield guard
        finally:
            guard.kill()


def child_of(guard: subprocess.Popen[bytes]) -> int:
    assert guard.stdout
    return int(guard.stdout.readline())


def await_ready(guard: subprocess.Popen[bytes]) -> None:
    assert guard.stderr
    assert guard.stderr.readline() == b"ready\n"


@pytest.mark.parametrize(("script", "code"), [("exit 0", 0), ("exit 55", 55), ("kill -9 $$", 137)])
def test_exit_code_is_that_of_the_command(script: str, code: int) -> None:
    with guarded(["sh", "-c", script]) as guard:
        assert guard.wait(END_TIMEOUT_S) == code


def test_sigterm_is_handed_on(wait_gone: WaitGone) -> None:
    with guarded(["sleep", "600"]) as guard:
        child = child_of(guard)
        guard.terminate()
        assert guard.wait(END_TIMEOUT_S) == 143
        wait_gone(child)


def test_command_that_ignores_sigterm_is_killed_after_its_time(wait_gone: WaitGone) -> None:
    with guarded(STUBBORN, stop_timeout_s=0.2) as guard:
        child = child_of(guard)
        await_ready(guard)
        guard.terminate()
        assert guard.wait(END_TIMEOUT_S) == 137
        wait_gone(child)


def test_interrupt_and_hang_up_are_left_to_the_parent() -> None:
    with guarded(["sleep", "600"]) as guard:
        child_of(guard)
        guard.send_signal(signal.SIGINT)
        guard.send_signal(signal.SIGHUP)
        guard.terminate()
        assert guard.wait(END_TIMEOUT_S) == 143


def test_parent_that_is_gone_from_the_start_is_noticed() -> None:
    with guarded(["sleep", "600"], parent_pid=os.getppid()) as guard:
        assert guard.wait(END_TIMEOUT_S) == 143


@pytest.mark.parametrize("command", [["sleep", "600"], STUBBORN])
def test_killed_parent_takes_the_command_with_it(command: list[str], wait_gone: WaitGone) -> None:
    starter = (
        "import os, subprocess, sys\n"
        "subprocess.Popen([*sys.argv[1:5], str(os.getpid()), '0.2', '0', *sys.argv[5:]]).wait()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", starter, *GUARD, *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as parent:
        child = child_of(parent)
        parent.kill()
        wait_gone(child)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs PR_SET_PDEATHSIG of Linux")
def test_killed_guard_takes_the_command_with_it(wait_gone: WaitGone) -> None:
    with guarded(STUBBORN) as guard:
        child = child_of(guard)
        await_ready(guard)
        guard.kill()
        wait_gone(child)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_lock_is_held_as_long_as_the_command_runs(tmp_path: Path) -> None:
    directory, clock = DataDirectory(tmp_path, "QuestDB"), SystemClock()
    with guarded(["sleep", "600"], lock_fd=directory.lock(clock, wait_s=0.0)) as guard:
        child = child_of(guard)
        open_files = {file.resolve() for file in Path(f"/proc/{child}/fd").iterdir()}
        assert tmp_path / "embedded.lock" in open_files
        with pytest.raises(OperatorError, match="another instance"):
            directory.lock(clock, wait_s=0.0)
        guard.terminate()
        guard.wait(END_TIMEOUT_S)
        os.close(directory.lock(clock, wait_s=0.0))
