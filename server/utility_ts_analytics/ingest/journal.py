"""How far a load has come: one small file, so that the same command goes on after any end.

A journal belongs to one command: stream and paths as they were given. It holds what must be the
same for a place to mean anything (`target`), and for each file its identity and a place before
which every row is known to be stored, or refused and kept. A place that is too early is harmless:
rows sent again leave the table as it is. One that is too late would lose rows, so a place is
recorded after its rows were settled and never before (docs/decisions/0019-resumed-loads.md).
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
from utility_ts_analytics.ingest.durable_files import FILE_MODE, make_folder, replace_file
from utility_ts_analytics.ingest.identity import FileIdentity, difference
from utility_ts_analytics.ingest.pieces import START, Place

_VERSION: Final = 1


class FileRecord(Struct, frozen=True):
    """What is known of one file.

    Attributes:
        identity: Of the file that was read.
        place: Before it every row is settled.
        done: Whether the file was read to its end.
        stored_rows: Before the place.
        refused: Rows refused before the place, by code.
        refused_bytes: Of its file of refused rows that belong to them.
        reasons_bytes: The same of the reasons.
        notes: How often rules were applied before the place.
    """

    identity: FileIdentity
    place: Place = START
    done: bool = False
    stored_rows: int = 0
    refused: dict[str, int] = {}
    refused_bytes: int = 0
    reasons_bytes: int = 0
    notes: dict[str, int] = {}


class _Content(Struct, frozen=True):
    version: int
    target: dict[str, str]
    files: dict[str, FileRecord]


class Journal:
    """The journal of one command. Use as a context manager: it is locked meanwhile.

    Args:
        folder: Made if need be.
        command: What makes the command the same: stream and paths.
        target: What else must be the same, by the name under which a difference is reported.
        restart: Forget what is there.

    Raises:
        OperatorError: The folder cannot be used, or the same command is running.
    """

    def __init__(
        self, folder: Path, command: Iterable[str], target: Mapping[str, str], *, restart: bool
    ) -> None:
        key = hashlib.sha256("\0".join(command).encode(errors="surrogateescape")).hexdigest()[:16]
        self.path = folder / f"load-{key}.json"
        self.notice: str | None = None
        """Why what was found is of no use, for people; None where there was nothing, or it is."""
        self._target = dict(target)
        self._files: dict[str, FileRecord] = {}
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

    @property
    def resumes(self) -> bool:
        """Whether an earlier run has left something."""
        return bool(self._files)

    def find(self, identity: FileIdentity) -> tuple[FileRecord | None, str | None]:
        """Return what is known of a file; else None, and why it must be read from its start."""
        record = self._files.get(identity.path)
        if record is None:
            return None, None
        reason = difference(record.identity, identity)
        return (record, None) if reason is None else (None, reason)

    def write(self, record: FileRecord) -> None:
        """Record how far a file has come; on the disk when this returns.

        Raises:
            OSError: What was recorded before still is.
        """
        self._files[record.identity.path] = record
        content = _Content(_VERSION, self._target, self._files)
        replace_file(self.path, msgspec.json.encode(content))

    def remove(self) -> None:
        """End it: the same command begins anew."""
        self._files.clear()
        self.path.unlink(missing_ok=True)
        self.path.with_suffix(".lock").unlink(missing_ok=True)

    def _take(self, found: _Content) -> None:
        changed = [
            name
            for name in sorted({*found.target, *self._target})
            if found.target.get(name) != self._target.get(name)
        ]
        if changed:
            self.notice = f"not the same as in the interrupted run: {', '.join(changed)}"
        else:
            self._files = found.files


def _read(path: Path) -> _Content | str | None:
    """Return a journal, None without one, or why it is of no use."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    with contextlib.suppress(msgspec.DecodeError, UnicodeError, RecursionError):
        content = msgspec.json.decode(data, type=_Content)
        if content.version == _VERSION:
            return content
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
