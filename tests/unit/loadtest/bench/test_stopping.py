"""Nothing is left running, however a run ends."""

import signal
import subprocess
import sys
from collections.abc import Callable

import pytest
from loadtest.bench.stopping import wait_or_stop

pytestmark = pytest.mark.process

WaitGone = Callable[[int], None]

CHILD = """
import subprocess, sys
from loadtest.bench.stopping import exit_on_sigterm, wait_or_stop
exit_on_sigterm()
below = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
print(below.pid, flush=True)
wait_or_stop(below, 60)
"""


def test_exit_code_is_returned() -> None:
    with subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"]) as process:
        assert wait_or_stop(process, 30) == 3


def test_process_that_takes_too_long_is_told_to_stop() -> None:
    command = [sys.executable, "-c", "input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert wait_or_stop(process, 0.01) == -signal.SIGTERM


def test_process_that_is_told_to_stop_ends_what_it_began(wait_gone: WaitGone) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", CHILD],
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": ":".join(sys.path)},
    ) as process:
        assert process.stdout is not None
        below = int(process.stdout.readline())
        process.terminate()
        assert process.wait(30) == 128 + signal.SIGTERM
    wait_gone(below)
