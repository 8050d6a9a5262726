"""What a command does with files that are closed, full, or without a reader."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

SERVER = Path(__file__).parents[3] / "server"
PREPARE = """
import os, sys
from utility_ts_analytics.service.standard_files import prepare_standard_files, stdout_failed
prepare_standard_files()
"""


def shell(line: str, program: str) -> "subprocess.CompletedProcess[str]":
    """Run a Python program from a line of bash, where it is `$program`."""
    environment = {**os.environ, "PYTHONPATH": str(SERVER), "text": PREPARE + program}
    line = line.replace("$program", f'{sys.executable} -c "$text"')
    return subprocess.run(
        ["bash", "-c", line],
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_closed_files_are_open_and_lead_nowhere() -> None:
    program = """
print("a")
print("b", file=sys.stderr)
assert sys.stdin.read() == ""
assert os.open("/dev/null", os.O_RDONLY) > 2
"""
    done = shell("$program <&- >&- 2>&-", program)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("stderr", ["2>/dev/full", "2> >(exec true)"])
def test_standard_error_that_takes_nothing_costs_nothing_else(stderr: str) -> None:
    program = """
import time
for _ in range(200):
    print("x" * 1000, file=sys.stderr)
print("result")
raise SystemExit(7)
"""
    done = shell(f"$program {stderr}", program)
    assert (done.returncode, done.stdout) == (7, "result\n")


def test_output_that_was_written_has_not_failed() -> None:
    done = shell("$program", "print('a')\nsys.stdout.flush()\nassert not stdout_failed()")
    assert (done.returncode, done.stdout, done.stderr) == (0, "a\n", "")


@pytest.mark.parametrize(
    ("stdout", "said"),
    [
        (
            "> /dev/full",
            "ingestion-service: cannot write standard output: No space left on device\n",
        ),
        ("> >(exec true)", ""),
    ],
)
@pytest.mark.parametrize("lines", [1, 1000])
def test_output_that_cannot_be_written_is_told_from_other_errors(
    stdout: str, said: str, lines: int
) -> None:
    program = f"""
import signal
signal.alarm(20)
try:
    while True:
        print("x\\n" * {lines}, flush=True)
except OSError:
    assert stdout_failed()
print("this goes nowhere", flush=True)
raise SystemExit(7)
"""
    done = shell(f"$program {stdout}", program)
    assert (done.returncode, done.stderr) == (7, said)
