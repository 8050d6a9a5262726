"""One case of a bench: the request, and the process that measures it.

A process of its own, so that its peak of memory is that of the case. It is told to stop by SIGTERM
and then ends what it started.
"""

import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

import msgspec

_STOP_TIMEOUT_S = 60.0
"""Longer than a service takes to drain."""


class Database(msgspec.Struct, frozen=True, kw_only=True):
    """A running QuestDB, all its ports on 127.0.0.1."""

    http_port: int
    ilp_port: int
    pg_uri: str
    pid: int


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One case to measure.

    Attributes:
        bench: Name of the bench.
        case: One of its cases.
        rows: About how many readings to work on.
        rounds: Rounds that count.
        seconds: Length of a round with a pace of its own.
        directory: For files of this case; exists, and is removed afterwards.
        database: Where the bench needs one.
    """

    bench: str
    case: str
    rows: int
    rounds: int
    seconds: float
    directory: str
    database: Database | None = None

    @property
    def needed_database(self) -> Database:
        """The QuestDB of a bench that needs one."""
        if self.database is None:
            raise ValueError(f"cannot run {self.bench}: it needs a QuestDB")
        return self.database


def measure_case() -> None:
    """Measure the request in the file `argv[1]` and write its figures to the file `argv[2]`."""
    from loadtest.bench.catalogue import BENCHES

    exit_on_sigterm()
    asked, out = map(Path, sys.argv[1:])
    request = msgspec.json.decode(asked.read_bytes(), type=Request)
    out.write_bytes(msgspec.json.encode(BENCHES[request.bench].measure(request)))


def exit_on_sigterm() -> None:
    """Leave by an exception on SIGTERM, so that every `with` on the way out ends its part."""

    def leave(number: int, _: FrameType | None) -> None:
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, leave)


def wait_or_stop(process: subprocess.Popen[bytes], timeout_s: float) -> int:
    """Return the exit code of `process`; stop it after `timeout_s` seconds or if we are stopped.

    `subprocess.run` would kill it and leave behind what it started.
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
