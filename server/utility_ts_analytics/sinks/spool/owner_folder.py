"""One locked directory of segments: appended to at its end, delivered from its beginning."""

import contextlib
import errno
import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import structlog

from utility_ts_analytics.records.reading import Reading
from utility_ts_analytics.sinks.spool.checkpoint import NAME, read_checkpoint, write_checkpoint
from utility_ts_analytics.sinks.spool.directories import (
    keep_damaged,
    lock_directory,
    sync_directory,
)
from utility_ts_analytics.sinks.spool.segment_reader import Bad, Good, count_rows, read_record
from utility_ts_analytics.sinks.spool.segment_writer import SegmentWriter

SEGMENT_NAME: Final = re.compile(r"[0-9]{10}\.spool")

_NAMES_TRIED_MAX: Final = 100
_DAMAGE: Final = frozenset({errno.ENOENT, errno.EIO, errno.EUCLEAN, errno.EBADMSG})
"""The file is gone or broken. Other errors (no descriptors, no permission) say nothing of it."""

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)


@dataclass(slots=True)
class Losses:
    """What was found broken. Counts of this process, added up over all directories it read.

    Attributes:
        records: Places where one or more acknowledged records were damaged, or a segment gone.
        rows: Rows in them, as far as a header said how many.
        torn: Segments that end within a record: appends that a crash cut off.
    """

    records: int = 0
    rows: int = 0
    torn: int = 0


@dataclass(slots=True)
class _Segment:
    """A segment that is not delivered to its end yet.

    Attributes:
        number: From the file name; segments are delivered by it.
        offset: Where the next record to deliver starts.
        end: Where acknowledged bytes end.
        rows: Rows from `offset` to `end`, as the headers say.
        damaged: Whether something in it was skipped.
    """

    number: int
    path: Path
    offset: int
    end: int
    rows: int
    damaged: bool = False


class OwnerFolder:
    """Holds the lock of its directory until `release`. Used by one thread.

    Make one with `create` or `take_over`.
    """

    def __init__(self, path: Path, lock_fd: int, losses: Losses) -> None:
        self.path = path
        self._lock_fd = lock_fd
        self._losses = losses
        self._segments: list[_Segment] = []
        self._writer: SegmentWriter | None = None
        self._last_number = 0

    @classmethod
    def create(cls, stream_folder: Path, losses: Losses) -> "OwnerFolder":
        """Make and lock a new directory, with a name that nobody has.

        Raises:
            OSError: It cannot be made, locked or written to.
        """
        for _ in range(_NAMES_TRIED_MAX):
            path = stream_folder / f"{os.getpid()}-{secrets.token_hex(4)}"
            path.mkdir(mode=0o700)
            lock_fd = lock_directory(path)
            if lock_fd is None:
                # Somebody who looks for orphans was quicker, and removes it.
                continue
            try:
                write_checkpoint(path, 0, 0)
                sync_directory(path)
                sync_directory(stream_folder)
            except OSError:
                _remove_empty(path)
                os.close(lock_fd)
                raise
            return cls(path, lock_fd, losses)
        raise OSError(errno.EAGAIN, "no new directory could be locked")

    @classmethod
    def take_over(cls, path: Path, losses: Losses) -> "OwnerFolder | None":
        """Lock the directory of an owner that is gone; None if its owner lives.

        Raises:
            OSError: It cannot be locked or listed.
        """
        lock_fd = lock_directory(path)
        if lock_fd is None:
            return None
        folder = cls(path, lock_fd, losses)
        try:
            folder._find_segments()
        except OSError:
            os.close(lock_fd)
            raise
        return folder

    @property
    def rows(self) -> int:
        """Undelivered rows, as the headers say."""
        return sum(segment.rows for segment in self._segments)

    @property
    def size_bytes(self) -> int:
        """Undelivered bytes."""
        return sum(segment.end - segment.offset for segment in self._segments)

    def append(self, record: bytes, rows: int, *, segment_bytes_max: int) -> None:
        """Write one record behind all others; on return it is on the disk.

        Raises:
            OSError: It is not, and will not be delivered by this process. After a failed sync it
                may be delivered by whoever takes this directory over.
        """
        writer = self._writer
        if writer is None or not writer.has_room(len(record), segment_bytes_max):
            writer = self._start_segment()
        writer.append(record)
        segment = self._segments[-1]
        segment.end = writer.size_bytes
        segment.rows += rows

    def next(self, decoder: msgspec.json.Decoder[Reading]) -> Good | None:
        """Return the oldest record that can be read, or None if there is none, or none just now.

        Damage before it is skipped, counted and logged; segments that end are removed.
        """
        while self._segments:
            segment = self._segments[0]
            if segment.offset >= segment.end:
                self._retire_first()
                continue
            try:
                found = _read(segment, decoder)
            except OSError as error:
                if error.errno not in _DAMAGE:
                    _log.warning(
                        "cannot read the spool now", file=str(segment.path), reason=error.strerror
                    )
                    return None
                found = Bad(segment.end, segment.rows, torn=False)
            if isinstance(found, Good):
                return found
            self._skip(segment, found)
        return None

    def remove(self, record: Good) -> None:
        """Take away what `next` returned last; it is not returned again, also after a crash.

        If the disk refuses to take that down, it may be: that is logged, and harmless.
        """
        segment = self._segments[0]
        segment.offset = record.end
        segment.rows -= len(record.rows)
        try:
            write_checkpoint(self.path, segment.number, segment.offset)
        except OSError as error:
            _log.warning(
                "cannot note what of the spool is delivered; after a crash it is delivered again",
                file=str(segment.path),
                reason=error.strerror,
            )
        if segment.offset >= segment.end:
            self._retire_first()

    def release(self) -> None:
        """Give up the lock. The directory stays if anything in it is not delivered."""
        self._stop_writing()
        while self._segments and self._segments[0].offset >= self._segments[0].end:
            self._retire_first()
        if not self._segments:
            _remove_empty(self.path)
        os.close(self._lock_fd)

    def _find_segments(self) -> None:
        """List what a former owner left. Segments before the checkpoint are removed."""
        delivered, offset = read_checkpoint(self.path)
        for path in sorted(self.path.iterdir()):
            if SEGMENT_NAME.fullmatch(path.name) is None:
                continue
            number = int(path.stem)
            if number < delivered:
                with contextlib.suppress(OSError):
                    path.unlink()
                continue
            end = path.stat().st_size
            start = offset if number == delivered and offset <= end else 0
            segment = _Segment(number, path, start, end, 0)
            # One that cannot be read is found to be damaged when its turn comes.
            with contextlib.suppress(OSError), path.open("rb") as file:
                segment.rows = count_rows(file.fileno(), start, end)
            self._segments.append(segment)

    def _start_segment(self) -> SegmentWriter:
        self._stop_writing()
        self._last_number += 1
        path = self.path / f"{self._last_number:010}.spool"
        self._writer = SegmentWriter(path)
        self._segments.append(_Segment(self._last_number, path, 0, 0, 0))
        return self._writer

    def _stop_writing(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _skip(self, segment: _Segment, found: Bad) -> None:
        """Go on behind damage. Nothing is written behind it any more."""
        if segment is self._segments[-1]:
            self._stop_writing()
        rows = min(found.rows or 0, segment.rows)
        if found.torn:
            self._losses.torn += 1
        else:
            self._losses.records += 1
            self._losses.rows += rows
        _log.error(
            "the spool holds an unfinished record" if found.torn else "the spool is damaged",
            file=str(segment.path),
            offset=segment.offset,
            skipped_bytes=found.end - segment.offset,
            rows=found.rows,
        )
        segment.damaged = True
        segment.offset = found.end
        if not found.torn:
            segment.rows -= rows

    def _retire_first(self) -> None:
        """Remove the oldest segment, or keep it aside if it was damaged."""
        segment = self._segments.pop(0)
        if not self._segments:
            self._stop_writing()
        try:
            if segment.damaged:
                keep_damaged(segment.path)
            else:
                segment.path.unlink()
        except FileNotFoundError:
            return
        except OSError as error:
            _log.warning(
                "cannot remove a delivered segment", file=str(segment.path), reason=error.strerror
            )


def _read(segment: _Segment, decoder: msgspec.json.Decoder[Reading]) -> Good | Bad:
    with segment.path.open("rb", buffering=0) as file:
        return read_record(file.fileno(), segment.offset, segment.end, decoder)


def _remove_empty(path: Path) -> None:
    """Remove a locked directory if it holds nothing but its checkpoint.

    A segment that could not be removed keeps the checkpoint, which says that it is delivered.
    """
    with contextlib.suppress(OSError):
        if all(file.name == NAME for file in path.iterdir()):
            # First the segments are gone for good, then what says how far they are delivered.
            sync_directory(path)
            (path / NAME).unlink(missing_ok=True)
            path.rmdir()
