"""How far a load has come: one small file, so that the same command resumes it after any end.

A journal belongs to one command: stream and paths as they were given. It has the settings that
must be equal for a place to mean anything (`target`), and for each file its identity and a place
before which every row is known to be stored, or refused and kept. A place that is too early is
harmless: rows sent again leave the table as it is. One that is too late would lose rows, so a place
is recorded after its rows were settled and never before (docs/decisions/0019-resumed-loads.md).

The file is lines of JSON: the settings, then a line each time that a file has come further, of
which the last one counts. It is rewritten once most lines are out of date, so that the bytes
written grow with the number of files and not with its square.
"""

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final

import msgspec
from msgspec import Struct

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.books.durable_files import (
    FILE_MODE,
    append_durably,
    make_folder,
    replace_file,
)
from utility_ts_analytics.files.pieces import START, Place

_VERSION: Final = 2
_LINES_MORE: Final = 100
"""Lines out of date that a journal may have, beside as many as there are files."""


_END_BYTES: Final = 65_536


class FileIdentity(Struct, frozen=True):
    """Tells a file from other files, and from earlier states of itself.

    Attributes:
        path: Resolved path, with the name of the member behind it in a zip file.
        size_bytes: Size on disk.
        mtime_ns: Time of the last change to its content, ns since 1970.
        inode: Number of the file on its device: a file that took its place has another one.
        device: Number of the device.
        ends_digest: SHA-256 of its first and last 64 KiB, since a file's time can be set back.
    """

    path: str
    size_bytes: int
    mtime_ns: int
    inode: int
    device: int
    ends_digest: str


class FileRecord(Struct, frozen=True):
    """How far one file has come.

    Attributes:
        identity: Identity of the file that was read.
        place: Every row before it is settled.
        done: Whether the file was read to its end.
        stored_rows: Rows stored before the place.
        refused: Records refused before the place, by code and field.
        refused_bytes: Length of its file of refused records up to the place.
        reasons_bytes: Length of the file of their reasons.
        notes: Notes of the source (`PieceSource.notes`).
    """

    identity: FileIdentity
    place: Place = START
    done: bool = False
    stored_rows: int = 0
    refused: dict[str, int] = {}
    refused_bytes: int = 0
    reasons_bytes: int = 0
    notes: dict[str, int] = {}


class _Head(Struct, frozen=True):
    version: int
    target: dict[str, str]


class _Found(Struct, frozen=True):
    """The content of a journal."""

    target: dict[str, str]
    files: dict[str, FileRecord]


class Journal:
    """The journal of one command. Use as a context manager: it is locked meanwhile.

    Args:
        folder: Folder of the journal; made if it is not there.
        command: Stream and paths: they make the name of the file.
        target: Settings that must be equal, by the name under which a difference is reported.
        restart: Remove the journal of an earlier run.

    Raises:
        OperatorError: The folder cannot be used, or the same command is running.
    """

    def __init__(
        self, folder: Path, command: Iterable[str], target: Mapping[str, str], *, restart: bool
    ) -> None:
        key = hashlib.sha256("\0".join(command).encode(errors="surrogateescape")).hexdigest()[:16]
        self.path = folder / f"load-{key}.json"
        self.notice: str | None = None
        """Why an earlier run cannot be resumed; None where it can, or there is none."""
        self._target = dict(target)
        self._files: dict[str, FileRecord] = {}
        self._lines = self._size_bytes = 0  # of the file as this run has written it
        try:
            make_folder(folder)
            self._lock = _lock(self.path.with_suffix(".lock"))
            found = _read(self.path)
        except OSError as error:
            raise OperatorError(
                f"cannot keep a journal in {folder}: {error.strerror}; give another --journal"
            ) from error
        if restart:
            self.path.unlink(missing_ok=True)
        elif isinstance(found, str):
            self.notice = found
        elif found is not None:
            self._take(found)

    def __enter__(self) -> "Journal":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._lock)

    def find(self, identity: FileIdentity) -> tuple[FileRecord | None, str | None]:
        """Return how far a file has come; or None, and why it must be read from its start."""
        record = self._files.get(identity.path)
        if record is None:
            return None, None
        reason = difference(record.identity, identity)
        return (record, None) if reason is None else (None, reason)

    def write(self, record: FileRecord) -> None:
        """Record how far a file has come; on the disk when this returns.

        Raises:
            OSError: That failed; the earlier record still holds.
        """
        before = self._files.get(record.identity.path)
        self._files[record.identity.path] = record
        try:
            if 0 < self._lines < 2 * len(self._files) + _LINES_MORE:
                line = _line(record)
                append_durably(self.path, line, self._size_bytes)
                self._lines, self._size_bytes = self._lines + 1, self._size_bytes + len(line)
            else:
                head = _line(_Head(_VERSION, self._target))
                content = b"".join([head, *map(_line, self._files.values())])
                replace_file(self.path, content)
                self._lines, self._size_bytes = len(self._files) + 1, len(content)
        except OSError:
            if before is None:
                del self._files[record.identity.path]
            else:
                self._files[record.identity.path] = before
            raise

    def remove(self) -> None:
        """Remove the journal: the same command starts over."""
        self._files.clear()
        self._lines = self._size_bytes = 0
        self.path.unlink(missing_ok=True)
        self.path.with_suffix(".lock").unlink(missing_ok=True)

    def _take(self, found: _Found) -> None:
        changed = [
            name
            for name in sorted({*found.target, *self._target})
            if found.target.get(name) != self._target.get(name)
        ]
        if changed:
            self.notice = f"not the same as in the interrupted run: {', '.join(changed)}"
        else:
            self._files = found.files


def identify(path: Path, member: str | None = None) -> FileIdentity:
    """Return the identity of a file that can be read.

    Args:
        path: Path on the disk.
        member: Name of the file within it, where it is a zip file.

    Raises:
        OperatorError: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            digest = hashlib.sha256(file.read(_END_BYTES))
            file.seek(max(0, status.st_size - _END_BYTES))
            digest.update(file.read(_END_BYTES))
    except OSError as error:
        raise OperatorError(f"cannot read {path}: {error.strerror}") from error
    return FileIdentity(
        str(path.resolve()) + ("" if member is None else f"/{member}"),
        status.st_size,
        status.st_mtime_ns,
        status.st_ino,
        status.st_dev,
        digest.hexdigest(),
    )


def difference(old: FileIdentity, new: FileIdentity) -> str | None:
    """Return in a few words how a file differs from an earlier state, or None."""
    if old.path != new.path:
        return "it is another file"
    if old.size_bytes != new.size_bytes:
        return f"its size was {old.size_bytes:,} bytes and is {new.size_bytes:,}"
    if (old.inode, old.device) != (new.inode, new.device):
        return "another file has taken its place"
    if old.ends_digest != new.ends_digest:
        return "its content has changed"
    if old.mtime_ns != new.mtime_ns:
        return "it has been written to"
    return None


def _line(what: _Head | FileRecord) -> bytes:
    return msgspec.json.encode(what) + b"\n"


def _read(path: Path) -> _Found | str | None:
    """Return the content of a journal, None without one, or why it cannot be used."""
    try:
        # The last line may be cut: it was being written when the earlier run ended.
        head, *lines = path.read_bytes().split(b"\n")[:-1] or [b""]
    except FileNotFoundError:
        return None
    with contextlib.suppress(msgspec.DecodeError, UnicodeError, RecursionError):
        said = msgspec.json.decode(head, type=_Head)
        records = [msgspec.json.decode(line, type=FileRecord) for line in lines]
        if said.version == _VERSION:
            return _Found(said.target, {record.identity.path: record for record in records})
    return f"{path} is damaged, or of another version"


def _lock(path: Path) -> int:
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        raise OperatorError(
            "cannot load: the same command is running already; wait for it, or stop it"
        ) from None
    return file
