"""The data directory of an embedded server: its lock, what we put into it, and its log."""

import fcntl
import os
import shutil
import threading
from collections.abc import Mapping
from contextlib import suppress
from io import BufferedWriter
from pathlib import Path

from utility_ts_analytics.clock import Clock
from utility_ts_analytics.errors import OperatorError

LOG_BYTES_MAX = 8 * 1024 * 1024
"""A log over this gets a `.1` at its end at the next start, replacing the last one."""

FOLDER_MODE = 0o700
"""Of the directory: readings are personal data, and nothing below it is for other users."""

_LOG_TAIL_BYTES = 8192
_POLL_S = 0.05


class DataDirectory:
    """One directory, used by one server at a time, and seen by its user only.

    `conf/`, `log/` and `tmp/` stand beside the server's own folders.

    Args:
        path: Made when it is locked.
        program: What runs in it: for messages, and the name of the log.

    Attributes:
        path: Absolute.
        program: As given.
        log_path: What the JVM prints.
    """

    def __init__(self, path: Path, program: str) -> None:
        self.path = path.absolute()
        self.program = program
        self.log_path = self.path / "log" / f"{program.lower()}.log"

    def lock(self, clock: Clock, *, wait_s: float) -> int:
        """Create the directory if need be and lock it for one server.

        Args:
            clock: For the deadline.
            wait_s: How long to wait for the holder of the lock to end.

        Returns:
            The file descriptor that holds the lock. Child processes inherit the lock: it is
            released when the last of them has closed it or ended.

        Raises:
            OperatorError: Another instance has it, or the directory cannot be written to.
        """
        give_up_at_s = clock.monotonic_s() + wait_s
        lock_fd = self._open_lock_file()
        while not _try_lock(lock_fd):
            if clock.monotonic_s() >= give_up_at_s:
                os.close(lock_fd)
                raise OperatorError(
                    f"cannot start {self.program} in {self.path}: another instance uses this "
                    "directory; stop it, or choose another --data-dir"
                )
            threading.Event().wait(_POLL_S)
        return lock_fd

    def prepare(self, settings: Mapping[str, str]) -> None:
        """Put our settings in place, clear what a killed JVM left. Only under the lock.

        Args:
            settings: Text of each file in `conf/`, by its name.
        """
        for name, text in settings.items():
            (self.path / "conf" / name).write_text(text)
        # Here the JVM unpacks its native library, and leaves it behind when it is killed.
        scratch = self.path / "tmp"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()

    def open_log(self) -> BufferedWriter:
        """Return the log for appending; one that is too long is set aside first."""
        if self.log_path.exists() and self.log_path.stat().st_size > LOG_BYTES_MAX:
            self.log_path.replace(self.log_path.with_name(f"{self.log_path.name}.1"))
        return self.log_path.open("ab")

    def last_log_line(self) -> str:
        """Return the last line of the log; of a stack trace, its head."""
        with self.log_path.open("rb") as log:
            log.seek(max(0, self.log_path.stat().st_size - _LOG_TAIL_BYTES))
            text = log.read().decode(errors="replace")
        lines = [line for line in text.splitlines() if line.strip() and not line[0].isspace()]
        return lines[-1] if lines else "the log is empty"

    def _open_lock_file(self) -> int:
        try:
            self.path.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            # Earlier versions made it for everyone. Somebody else's stays as it is.
            with suppress(PermissionError):
                self.path.chmod(FOLDER_MODE)
            # QuestDB does not start without conf/.
            for name in ("conf", "log"):
                (self.path / name).mkdir(mode=FOLDER_MODE, exist_ok=True)
            return os.open(self.path / "embedded.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise OperatorError(
                f"cannot write to {self.path}: {error.strerror}; choose another --data-dir"
            ) from error


def _try_lock(lock_fd: int) -> bool:
    try:
        fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
