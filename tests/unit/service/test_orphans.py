"""A process ends with the one that started it, however that one ends."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from utility_ts_analytics.service.orphans import stop_with_parent

SERVER = Path(__file__).parents[3] / "server"
TIMEOUT_S = 15.0

CHILD = """
import os, signal, sys
from utility_ts_analytics.service.orphans import stop_with_parent
stop_with_parent(int(sys.argv[1]), signal.Signals(int(sys.argv[2])))
print(os.getpid(), flush=True)
signal.pause()
"""

PARENT = """
import os, subprocess, sys
arguments = [sys.executable, "-c", sys.argv[1], str(os.getpid()), sys.argv[2]]
subprocess.Popen(arguments).wait()
"""


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(SERVER)}


def start_family(stop_signal: signal.Signals) -> tuple[subprocess.Popen[str], int]:
    """Start a parent whose child stops with it; return the parent and the child's pid."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, CHILD, str(int(stop_signal))],
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    return parent, int(parent.stdout.readline())


@pytest.mark.process
@pytest.mark.parametrize("stop_signal", [signal.SIGTERM, signal.SIGKILL])
def test_child_of_a_killed_parent_ends(
    stop_signal: signal.Signals, wait_gone: Callable[[int], None]
) -> None:
    parent, child_pid = start_family(stop_signal)
    with parent:
        os.kill(child_pid, 0)
        parent.kill()
        parent.wait(TIMEOUT_S)
        wait_gone(child_pid)


@pytest.mark.process
def test_child_whose_parent_is_gone_already_ends_at_once() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", CHILD, "1", str(int(signal.SIGUSR2))],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert ended.returncode == -signal.SIGUSR2
    assert ended.stdout == ""


def test_elsewhere_than_on_linux_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: sent.append((pid, number)))
    monkeypatch.setattr(sys, "platform", "darwin")
    stop_with_parent(-1)
    assert sent == []
