"""A child leads a session, has no handlers of its parent, ends with it, and leaves its reason."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from utility_ts_analytics.service.child_process import (
    SUPERVISOR_SIGNALS,
    TEXT_BYTES_MAX,
    LastError,
    describe_exit,
    start_child,
    stop_with_parent,
)

SERVER = Path(__file__).parents[3] / "server"
TIMEOUT_S = 15.0

CHILD = """
import os, signal, sys
from utility_ts_analytics.service.child_process import stop_with_parent
stop_with_parent(int(sys.argv[1]))
print(os.getpid(), flush=True)
signal.pause()
"""

PARENT = """
import os, subprocess, sys
subprocess.Popen([sys.executable, "-c", sys.argv[1], str(os.getpid())]).wait()
"""


def exit_code_of(work: Callable[[], int | None]) -> int | None:
    child = start_child(work)
    child.join(TIMEOUT_S)
    return child.exitcode


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(SERVER)}


def start_family() -> tuple[subprocess.Popen[str], int]:
    """Start a parent whose child stops with it; return the parent and the child's pid."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, CHILD], env=environment(), stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    return parent, int(parent.stdout.readline())


def test_child_exits_with_what_its_work_returns() -> None:
    assert exit_code_of(lambda: 7) == 7
    assert exit_code_of(lambda: None) == 0


def test_child_leads_a_session() -> None:
    assert exit_code_of(lambda: int(os.getsid(0) != os.getpid())) == 0


@pytest.mark.parametrize("number", SUPERVISOR_SIGNALS)
def test_child_forgets_the_handlers_and_blocks_nothing(number: signal.Signals) -> None:
    previous = signal.signal(number, lambda _number, _frame: None)
    try:
        assert exit_code_of(lambda: os.kill(os.getpid(), number)) == -number
    finally:
        signal.signal(number, previous)


def test_parent_blocks_nothing_after_the_fork() -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    exit_code_of(lambda: 0)
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before


@pytest.mark.process
def test_child_of_a_killed_parent_ends(wait_gone: Callable[[int], None]) -> None:
    parent, child_pid = start_family()
    with parent:
        os.kill(child_pid, 0)
        parent.kill()
        parent.wait(TIMEOUT_S)
        wait_gone(child_pid)


@pytest.mark.process
def test_child_whose_parent_is_gone_already_ends_at_once() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", CHILD, "1"],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert ended.returncode == -signal.SIGTERM
    assert ended.stdout == ""


def test_elsewhere_than_on_linux_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: sent.append((pid, number)))
    monkeypatch.setattr(sys, "platform", "darwin")
    stop_with_parent(-1)
    assert sent == []


def test_last_error_of_a_killed_child_is_read() -> None:
    error = LastError()
    assert error.read() == ""
    child = os.fork()
    if child == 0:
        error.write("FileNotFoundError: no such folder, Größe 0")
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert error.read() == "FileNotFoundError: no such folder, Größe 0"


def test_later_and_shorter_error_replaces_the_earlier_one() -> None:
    error = LastError()
    error.write("a long reason")
    error.write("short")
    assert error.read() == "short"
    error.write("")
    assert error.read() == ""


def test_long_error_is_cut_also_within_a_letter() -> None:
    error = LastError()
    error.write("x" + "é" * TEXT_BYTES_MAX)
    assert error.read().startswith("xéé")
    assert len(error.read()) <= TEXT_BYTES_MAX


def test_exit_codes_are_told_from_signals() -> None:
    assert describe_exit(1) == "exit code 1"
    assert describe_exit(-signal.SIGKILL) == "killed by SIGKILL"
    assert describe_exit(-64) != describe_exit(64)
    assert describe_exit(-63) == "killed by signal 63"
