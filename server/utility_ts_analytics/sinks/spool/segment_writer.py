"""Appends records to one segment file; what it has acknowledged is on the disk."""

import contextlib
import errno
import os
from pathlib import Path
from typing import Final

from utility_ts_analytics.sinks.spool.directories import sync_directory

NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
"""The disk, or this user's part of it, is full; the file itself is sound."""


class SegmentWriter:
    """One new segment file, open for appending. Used by one thread.

    Args:
        path: Must not exist. Its directory is synced, so that the name survives a power cut.

    Raises:
        OSError: The file cannot be made; nothing of it is left then.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size_bytes = 0
        self._sound = True
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            sync_directory(path.parent)
        except OSError:
            self.close()
            with contextlib.suppress(OSError):
                path.unlink()
            raise

    def has_room(self, record_bytes: int, segment_bytes_max: int) -> bool:
        """Tell whether the next record goes into this file rather than into a new one.

        False for good once anything failed, or somebody else removed or changed the file: what is
        written to a removed file is lost without an error.
        """
        if not self._sound:
            return False
        state = os.fstat(self._fd)
        if state.st_nlink == 0 or state.st_size != self.size_bytes:
            return False
        return self.size_bytes == 0 or self.size_bytes + record_bytes <= segment_bytes_max

    def append(self, record: bytes) -> None:
        """Write the whole record and wait until it is on the disk.

        `fdatasync` is enough: it leaves out only what reading the data does not need (times), and
        the file's size is needed (POSIX: synchronized I/O data integrity completion; fdatasync(2)).

        Raises:
            OSError: Nothing of the record counts; it is cut off again. Only where the disk was
                full is this file written to again. After a failed sync it never is: the kernel
                may have dropped the pages and call the next sync a success.
        """
        try:
            self._write(record)
        except OSError as error:
            self._sound = self._sound and error.errno in NO_SPACE
            self._cut()
            raise
        try:
            os.fdatasync(self._fd)
        except OSError:
            self._sound = False
            self._cut()
            raise
        self.size_bytes += len(record)

    def close(self) -> None:
        """Close the file. What was acknowledged is synced, so trouble here means nothing."""
        with contextlib.suppress(OSError):
            os.close(self._fd)

    def _write(self, record: bytes) -> None:
        rest = memoryview(record)
        while rest:
            written = os.pwrite(self._fd, rest, self.size_bytes + len(record) - len(rest))
            if written == 0:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            rest = rest[written:]

    def _cut(self) -> None:
        """Remove what was written of a record; where that fails, readers see a torn tail."""
        try:
            os.ftruncate(self._fd, self.size_bytes)
        except OSError:
            self._sound = False
