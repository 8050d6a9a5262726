"""Other servers than the service, on free loopback ports: what it is compared with."""

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from loadtest.processes import wait_until

from utility_ts_analytics.database.embedded_questdb.server_settings import free_ports

_START_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Server:
    """A server that listens on a port of the loopback address; `pid` is above all its processes."""

    port: int
    pid: int


@contextlib.contextmanager
def running(command: Sequence[str], port: int, log: Path, **settings: str) -> Iterator[Server]:
    """Run a command, from the folder of its log, until it listens; end it with SIGTERM.

    Args:
        command: Program and arguments.
        port: Where it listens.
        log: Gets its output; its folder exists.
        settings: Added to its environment.

    Raises:
        RuntimeError: It ended, or does not listen in time. The message has the end of its log.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own arguments
            command,
            cwd=log.parent,
            env={**os.environ, **settings},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )

    def listens() -> bool:
        if process.poll() is not None:
            said = log.read_text(errors="replace")[-2000:]
            raise RuntimeError(f"{command[0]} ended with {process.returncode}: {said}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        return False

    try:
        wait_until(listens, f"{command[0]} listens", timeout_s=_START_TIMEOUT_S)
        yield Server(port, process.pid)
    finally:
        process.terminate()
        process.wait()


def running_asgi(application: Path, log: Path, **settings: str) -> AbstractContextManager[Server]:
    """Run the `app` of a Python file under Granian as `running`, with as many workers as cores."""
    [port] = free_ports(1)
    granian = ["granian", "--interface", "asgi", "--loop", "uvloop", "--http", "1", "--no-ws"]
    workers = ["--workers", str(os.cpu_count()), "--port", str(port)]
    command = [sys.executable, "-m", *granian, *workers, f"{application}:app"]
    return running(command, port, log, **settings)
