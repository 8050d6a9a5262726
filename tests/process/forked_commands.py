"""Starts commands of `ingestion-service`, each in a process of its own.

Importing takes longer than most commands do. So the processes are forked from one that has imported
what they need, opened nothing and started no thread.
"""

import atexit
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO

import utility_ts_analytics

PROJECT = Path(__file__).parents[2]
_ALL = ("duckdb", "pyarrow.dataset", "pyarrow.parquet", "uvloop")
"""Imported before commands that run to their end, beside all modules of the package."""
_REQUEST_BYTES_MAX = 1 << 20


class ForkedProcess:
    """A command that was started; has those methods of `subprocess.Popen` that tests use."""

    def __init__(self, parent: "_Parent", pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._parent = parent
        self._ended = os.pidfd_open(pid)

    def poll(self) -> int | None:
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        code = self._look(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _look(self, timeout_s: float | None) -> int | None:
        if self.returncode is None and select.select([self._ended], [], [], timeout_s)[0]:
            self.returncode = self._parent.reap(self.pid)
            os.close(self._ended)
        return self.returncode


def start_forked(
    arguments: Sequence[str],
    *,
    cwd: Path,
    environment: Mapping[str, str],
    files: Sequence[int],
) -> ForkedProcess:
    """Start a service; as `subprocess.Popen`, with its standard files by their descriptors.

    What it imports, and how it ends, is what `python -m utility_ts_analytics` imports and how that
    ends.
    """
    return _parent(arguments[0]).fork(files, [*arguments], str(cwd), dict(environment))


def run_forked(
    arguments: Sequence[str],
    *,
    cwd: Path,
    environment: Mapping[str, str],
    timeout_s: float,
    stdin: bytes = b"",
) -> "subprocess.CompletedProcess[str]":
    """Run one command to its end; as `subprocess.run` with text and captured output.

    Raises:
        subprocess.TimeoutExpired: It was killed.
    """
    with (
        tempfile.TemporaryFile() as output,
        tempfile.TemporaryFile() as errors,
        _fed(stdin) as source,
    ):
        files = [source.fileno(), output.fileno(), errors.fileno()]
        process = _parent().fork(files, [*arguments], str(cwd), dict(environment))
        try:
            code = process.wait(timeout_s)
        except subprocess.TimeoutExpired as late:
            process.kill()
            process.wait()
            raise subprocess.TimeoutExpired(
                [*arguments], timeout_s, _text(output), _text(errors)
            ) from late
        return subprocess.CompletedProcess([*arguments], code, _text(output), _text(errors))


def _fed(content: bytes) -> IO[bytes]:
    """Return the end of a pipe that holds these bytes and no more."""
    read_end, write_end = os.pipe()

    def feed() -> None:
        try:
            with os.fdopen(write_end, "wb") as sink:
                sink.write(content)
        except BrokenPipeError:
            pass  # the command has read what it wanted

    threading.Thread(target=feed, daemon=True).start()
    return os.fdopen(read_end, "rb")


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


class _Parent:
    """The process that forks; it ends when this one does."""

    def __init__(self, command: str) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            path = f"{PROJECT}{os.pathsep}{PROJECT / 'server'}"
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(theirs.fileno()), command],
                env={**os.environ, "PYTHONPATH": path},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
        self._socket = ours
        self._lock = threading.Lock()

    def fork(
        self, files: Sequence[int], arguments: Sequence[str], cwd: str, environ: Mapping[str, str]
    ) -> ForkedProcess:
        """Start one command."""
        return ForkedProcess(self, self._ask([arguments, cwd, environ], files))

    def reap(self, pid: int) -> int:
        """Return the exit code of a process that has ended, as `Popen.returncode` has it."""
        return self._ask([pid], [])

    def close(self) -> None:
        """End it."""
        self._socket.close()
        self._process.wait()

    def _ask(self, request: Sequence[object], files: Sequence[int]) -> int:
        with self._lock:
            socket.send_fds(self._socket, [json.dumps(request).encode()], files)
            answer = self._socket.recv(64)
        assert answer, "the process that forks has ended"
        number: int = json.loads(answer)
        return number


@cache
def _parent(command: str = "") -> _Parent:
    parent = _Parent(command)
    atexit.register(parent.close)
    return parent


def _serve(control: socket.socket, command: str) -> None:
    """Fork one process after the other, until the tests end."""
    _import(command)
    while True:
        request, files, _, _ = socket.recv_fds(control, _REQUEST_BYTES_MAX, 3)
        if not request:
            return
        words = json.loads(request)
        if not files:
            _, status = os.waitpid(words[0], 0)
            control.send(json.dumps(os.waitstatus_to_exitcode(status)).encode())
            continue
        pid = os.fork()
        if pid == 0:
            control.close()
            for standard, file in enumerate(files):
                os.dup2(file, standard)
                os.close(file)
            _become(*words, as_python=bool(command))
        for file in files:
            os.close(file)
        control.send(json.dumps(pid).encode())


def _import(command: str) -> None:
    """Import what this command does at its start; without one, everything."""
    if command:
        importlib.import_module(f"utility_ts_analytics.cli.{command}")
        return
    for name in _ALL:
        importlib.import_module(name)
    for found in pkgutil.walk_packages(utility_ts_analytics.__path__, "utility_ts_analytics."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)


def _become(
    arguments: Sequence[str], cwd: str, environment: Mapping[str, str], *, as_python: bool
) -> None:
    """Do what `python -m utility_ts_analytics` does after its imports, and end.

    Args:
        as_python: Whether to end as Python does. Where everything is imported it must not:
            libraries that were imported before a fork may crash in it.
    """
    from utility_ts_analytics.cli.main import main
    from utility_ts_analytics.telemetry.log_stream import DROPS, LineDrops

    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    sys.argv[1:] = arguments
    # Memory that a service shares with all that it forks, not with the services of other tests.
    DROPS._words = LineDrops()._words
    if as_python:
        raise SystemExit(main())
    code = 1
    try:
        code = main()
    except SystemExit as asked:
        code = asked.code if isinstance(asked.code, int) else int(asked.code is not None)
    except BaseException:  # noqa: BLE001  as Python's own end does
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])), sys.argv[2])
