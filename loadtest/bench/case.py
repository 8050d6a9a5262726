"""One case of a bench: the request, and the process of its own that measures it.

A process of its own, so that its peak of memory is that of the case.
"""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from types import FrameType
from typing import TypeVar

import msgspec

ResultT = TypeVar("ResultT")

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


def in_process(
    measure: Callable[[Request], ResultT], request: Request, *, timeout_s: float
) -> ResultT | None:
    """Return `measure(request)` from a new process; None if it fails (stderr says why) or is late.

    It is told to stop by SIGTERM, when it is late or we are stopped, and ends what it started.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(theirs, measure, request))
    process.start()
    theirs.close()
    try:
        return ours.recv() if ours.poll(timeout_s) else None
    except EOFError:
        return None
    finally:
        process.terminate()
        process.join(_STOP_TIMEOUT_S)
        process.kill()
        process.join()


def _work(results: Connection, measure: Callable[[Request], object], request: Request) -> None:
    exit_on_sigterm()
    os.dup2(2, 1)  # stdout has our parent's table
    results.send(measure(request))


def exit_on_sigterm() -> None:
    """Leave by an exception on SIGTERM, so that every `with` on the way out ends its part."""

    def leave(number: int, _: FrameType | None) -> None:
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, leave)
