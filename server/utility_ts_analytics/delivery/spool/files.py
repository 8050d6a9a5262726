"""Files of a spool beside its database: private folders, locks, names of damaged files."""

import contextlib
import errno
import fcntl
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from utility_ts_analytics.clock import Clock

DAMAGED_FILES_MAX: Final = 8
"""Damaged files kept per stream; the oldest goes first. They do not count as spool bytes."""

LOCK_WAIT_S: Final = 5.0
"""Longest wait for another process's step. The hang watchdog kills one that hangs."""

_LOOK_AGAIN_S: Final = 0.005


def make_directory(path: Path) -> None:
    """Make `path` and what is missing above it, for this user only; on return its name is synced.

    What exists keeps its mode.

    Raises:
        OSError: It cannot be made, or is no directory.
    """
    made = False
    if not path.exists():
        make_directory(path.parent)
        with contextlib.suppress(FileExistsError):
            path.mkdir(mode=0o700)
            made = True
    if not path.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    try:
        # Also where it exists: another process may have made it and not synced it yet.
        sync_directory(path.parent)
    except PermissionError:
        # A directory that was prepared for us may lie in one that we may not read.
        if made:
            raise


def sync_directory(path: Path) -> None:
    """Wait until the names in a directory are on the disk.

    Raises:
        OSError: They are not, or may not be.
    """
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def open_private(path: Path) -> int:
    """Open a file of this user alone, made if it is not there; a symbolic link is refused.

    Raises:
        OSError: That failed.
    """
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


@contextlib.contextmanager
def locked(file: int, clock: Clock) -> Iterator[None]:
    """Hold the lock of an open file for the length of a `with` block; blocks its thread.

    The kernel ends the lock with the process, however that ends.

    Raises:
        TimeoutError: Another process held it for `LOCK_WAIT_S`.
        OSError: Locks do not work here.
    """
    deadline_s = clock.monotonic_s() + LOCK_WAIT_S
    while not try_lock(file):
        if clock.monotonic_s() > deadline_s:
            raise TimeoutError(errno.ETIMEDOUT, "another process holds its lock")
        threading.Event().wait(_LOOK_AGAIN_S)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)


def try_lock(file: int) -> bool:
    """Take the lock of an open file, and tell whether it was free.

    Raises:
        OSError: Locks do not work here.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def damaged_name(folder: Path, stream: str) -> Path:
    """Return a new name for a damaged file of a stream's spool, and delete the oldest ones."""
    kept = sorted(folder.glob(f"{stream}-*.damaged"), key=_number)
    for old in kept[: max(0, len(kept) - DAMAGED_FILES_MAX + 1)]:
        for name in (old, old.with_name(f"{old.name}-wal"), old.with_name(f"{old.name}-shm")):
            name.unlink(missing_ok=True)
    number = _number(kept[-1]) + 1 if kept else 1
    return folder / f"{stream}-{number}.damaged"


def _number(path: Path) -> int:
    digits = path.stem.rpartition("-")[2]
    return int(digits) if digits.isdecimal() else 0
