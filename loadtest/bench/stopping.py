"""What is begun here is ended here, also when we are told to stop half-way."""

import signal
import subprocess
import sys
from types import FrameType

_STOP_TIMEOUT_S = 60.0
"""Over what a service takes to drain."""


def exit_on_sigterm() -> None:
    """Leave by an exception on SIGTERM, so that every `with` on the way out ends what it began."""
    signal.signal(signal.SIGTERM, _exit)


def wait_or_stop(process: subprocess.Popen[bytes], timeout_s: float) -> int:
    """Return the exit code of `process`, told to stop after `timeout_s` seconds or if we are.

    `subprocess.run` would kill it, and what it began in turn would be left behind.
    """
    try:
        return process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        return _stop(process)
    except BaseException:
        _stop(process)
        raise


def _stop(process: subprocess.Popen[bytes]) -> int:
    process.terminate()
    try:
        return process.wait(_STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _exit(number: int, _: FrameType | None) -> None:
    sys.exit(128 + number)
