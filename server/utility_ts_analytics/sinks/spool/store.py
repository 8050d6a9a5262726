"""A spool, blocking: its own directory, and those that it took over. One thread uses it."""

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import structlog

from utility_ts_analytics.records.reading import Reading
from utility_ts_analytics.records.streams import StreamSpec
from utility_ts_analytics.sinks.spool.directories import make_directory
from utility_ts_analytics.sinks.spool.owner_folder import SEGMENT_NAME, Losses, OwnerFolder
from utility_ts_analytics.sinks.spool.record import (
    HEAD_BYTES,
    PAYLOAD_BYTES_MAX,
    encode_record,
)
from utility_ts_analytics.sinks.spool.segment_reader import Good
from utility_ts_analytics.sinks.spool.segment_writer import NO_SPACE

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Appended:
    """The rows are on the disk.

    Attributes:
        rows: How many, >= 1.
        size_bytes: What they take there.
    """

    rows: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class SpoolFull:
    """Nothing was taken: `bytes_max` is reached or the disk is full. Delivery makes room.

    Attributes:
        reason: One line for logs and clients.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class SpoolBroken:
    """Nothing was taken: the disk refuses. The next append tries again, with a new file.

    Attributes:
        reason: One line for logs and clients.
    """

    reason: str


class SpoolStore:
    """What `Spool` promises, without its thread; see there.

    Attributes:
        pending_rows: Undelivered rows, as the headers say.
        pending_bytes: Undelivered bytes.
        adopted_rows: Rows in directories taken over so far.
        losses: What was found broken so far.
    """

    def __init__(
        self, folder: Path, spec: StreamSpec, *, bytes_max: int, segment_bytes_max: int
    ) -> None:
        self._folder = folder / spec.name
        self._stream = spec.name
        self._bytes_max = bytes_max
        self._segment_bytes_max = segment_bytes_max
        self._decoder = msgspec.json.Decoder(spec.signed_record_type)
        self._own: OwnerFolder | None = None
        self._adopted: list[OwnerFolder] = []
        self._handed_out: tuple[OwnerFolder, Good] | None = None
        self._warned: set[Path] = set()
        self.losses = Losses()
        self.pending_rows = 0
        self.pending_bytes = 0
        self.adopted_rows = 0

    def open(self) -> str | None:
        """Make the own directory and take over all orphans; return why the first failed."""
        refused = None
        try:
            self._own_folder()
        except OSError as error:
            refused = (
                f"cannot use the spool directory {self._folder}: {error.strerror};"
                f" make it writable, or change {self._stream}.spool.dir"
            )
        while self.adopt():
            pass
        return refused

    def append(self, rows: Sequence[Reading]) -> Appended | SpoolFull | SpoolBroken:
        """Put rows behind all others, on the disk."""
        record = encode_record(rows)
        if len(record) - HEAD_BYTES > PAYLOAD_BYTES_MAX:
            return SpoolBroken(
                f"cannot spool {len(rows)} rows at once: {len(record)} bytes,"
                f" a record holds {PAYLOAD_BYTES_MAX}"
            )
        try:
            held_bytes = _segment_bytes(self._folder)
            if held_bytes + len(record) > self._bytes_max:
                return SpoolFull(
                    f"cannot spool {len(rows)} rows: {held_bytes} of {self._bytes_max} bytes are"
                    f" taken; see {self._stream}.spool.max_bytes"
                )
            self._own_folder().append(record, len(rows), segment_bytes_max=self._segment_bytes_max)
        except OSError as error:
            reason = f"cannot spool {len(rows)} rows: {error.strerror}"
            return SpoolFull(reason) if error.errno in NO_SPACE else SpoolBroken(reason)
        self._recount()
        return Appended(len(rows), len(record))

    def oldest(self) -> Sequence[Reading] | None:
        """Return the next record's rows; those of directories taken over come first."""
        for folder in [] if self._handed_out is not None else self._folders():
            if self._hand_out(folder):
                break
            # What cannot be read just now stays, and does not hold up the others.
            if folder is not self._own and folder.size_bytes == 0:
                self._adopted.remove(folder)
                folder.release()
        self._recount()
        return None if self._handed_out is None else self._handed_out[1].rows

    def remove_oldest(self) -> None:
        """Take away what `oldest` returned."""
        if self._handed_out is None:
            raise AssertionError("no record was handed out")
        folder, record = self._handed_out
        self._handed_out = None
        folder.remove(record)
        self._recount()

    def adopt(self) -> bool:
        """Take over the orphan with the oldest record; remove empty ones."""
        for path in _by_age(self._folder):
            if any(folder.path == path for folder in self._folders()):
                continue
            try:
                folder = OwnerFolder.take_over(path, self.losses)
            except OSError as error:
                self._warn_once(path, error)
                continue
            if folder is None:
                continue
            if folder.size_bytes:
                self._adopted.append(folder)
                self.adopted_rows += folder.rows
                self._recount()
                return True
            folder.release()
        return False

    def close(self) -> None:
        """Release every lock; what is not delivered stays for whoever takes it over."""
        for folder in self._folders():
            folder.release()
        self._adopted = []
        self._own = None
        self._handed_out = None

    def _own_folder(self) -> OwnerFolder:
        if self._own is None:
            make_directory(self._folder)
            self._own = OwnerFolder.create(self._folder, self.losses)
        return self._own

    def _hand_out(self, folder: OwnerFolder) -> bool:
        record = folder.next(self._decoder)
        if record is None:
            return False
        self._handed_out = folder, record
        return True

    def _folders(self) -> list[OwnerFolder]:
        """Return all directories held, in the order in which they are delivered."""
        own = [] if self._own is None else [self._own]
        return [*self._adopted, *own]

    def _warn_once(self, path: Path, error: OSError) -> None:
        if path not in self._warned:
            self._warned.add(path)
            _log.warning(
                "cannot take over a spool directory", file=str(path), reason=error.strerror
            )

    def _recount(self) -> None:
        folders = self._folders()
        self.pending_rows = sum(folder.rows for folder in folders)
        self.pending_bytes = sum(folder.size_bytes for folder in folders)


def _segments(folder: Path) -> list[os.DirEntry[str]]:
    """Return the segments in one owner's directory; none if it went away, or is not for us."""
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if SEGMENT_NAME.fullmatch(entry.name)]
    except (FileNotFoundError, PermissionError):
        return []


def _owners(stream_folder: Path) -> list[Path]:
    try:
        with os.scandir(stream_folder) as entries:
            return [Path(entry) for entry in entries if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []


def _segment_bytes(stream_folder: Path) -> int:
    """Return the size of all segments of the stream, of all owners, living or not."""
    size_bytes = 0
    for owner in _owners(stream_folder):
        for segment in _segments(owner):
            with contextlib.suppress(FileNotFoundError):
                size_bytes += segment.stat().st_size
    return size_bytes


def _by_age(stream_folder: Path) -> list[Path]:
    """Return the owners' directories, the one with the oldest segment first."""
    aged = []
    try:
        for owner in _owners(stream_folder):
            times_ns = [0]
            with contextlib.suppress(FileNotFoundError):
                times_ns = [segment.stat().st_mtime_ns for segment in _segments(owner)]
            aged.append((min(times_ns, default=0), owner))
    except OSError:
        return []
    return [owner for _, owner in sorted(aged)]
