"""Runs commands of `ingestion-service` to their end, each in a process of its own.

Importing takes longer than most commands do. So the processes are forked from one that has imported
everything, opened nothing and started no thread.
"""

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
import traceback
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO

PROJECT = Path(__file__).parents[2]
_BEFORE = ("duckdb", "pyarrow.dataset", "pyarrow.parquet", "uvloop", "utility_ts_analytics")
"""Imported before the first command; packages with all their modules."""
_REQUEST_BYTES_MAX = 1 << 20


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
        code = _parent().run(files, [*arguments], str(cwd), dict(environment), timeout_s)
        if code is None:
            raise subprocess.TimeoutExpired([*arguments], timeout_s, _text(output), _text(errors))
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

    def __init__(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            path = f"{PROJECT}{os.pathsep}{PROJECT / 'server'}"
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(theirs.fileno())],
                env={**os.environ, "PYTHONPATH": path},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
        self._socket = ours
        self._lock = threading.Lock()

    def run(
        self,
        files: Sequence[int],
        arguments: Sequence[str],
        cwd: str,
        environment: Mapping[str, str],
        timeout_s: float,
    ) -> int | None:
        """Return the exit code, as `Popen.returncode` has it; None after a time-out."""
        request = json.dumps([arguments, cwd, environment, timeout_s]).encode()
        with self._lock:
            socket.send_fds(self._socket, [request], files)
            answer = self._socket.recv(64)
        assert answer, "the process that forks has ended"
        code: int | None = json.loads(answer)
        return code


@cache
def _parent() -> _Parent:
    return _Parent()


def _serve(control: socket.socket) -> None:
    """Fork one process after the other, until the tests end."""
    for name in _BEFORE:
        module = importlib.import_module(name)
        for found in pkgutil.walk_packages(getattr(module, "__path__", []), f"{name}."):
            if name == "utility_ts_analytics" and not found.name.endswith("__main__"):
                importlib.import_module(found.name)
    while True:
        request, files, _, _ = socket.recv_fds(control, _REQUEST_BYTES_MAX, 3)
        if not request:
            return
        arguments, cwd, environment, timeout_s = json.loads(request)
        pid = os.fork()
        if pid == 0:
            control.close()
            for standard, file in enumerate(files):
                os.dup2(file, standard)
                os.close(file)
            _become(arguments, cwd, environment)
        for file in files:
            os.close(file)
        control.send(json.dumps(_wait(pid, timeout_s)).encode())


def _become(arguments: Sequence[str], cwd: str, environment: Mapping[str, str]) -> None:
    """Do what `python -m utility_ts_analytics` does after its imports, and end.

    Without Python's own end: libraries that were imported before a fork may crash in it.
    """
    from utility_ts_analytics.cli.main import main

    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv[1:] = arguments
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


def _wait(pid: int, timeout_s: float) -> int | None:
    ended = os.pidfd_open(pid)
    try:
        in_time, _, _ = select.select([ended], [], [], timeout_s)
    finally:
        os.close(ended)
    if not in_time:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status) if in_time else None


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
