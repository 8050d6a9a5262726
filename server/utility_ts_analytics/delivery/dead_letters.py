"""Rows that the database refuses for good: kept in a file, one line each, with the reason.

One file per stream, `<dir>/<stream>.ndjson`, shared by all workers: each letter is appended under
a lock and synced. The line is the record as it would be posted, plus a member `dead_letter`, which
the service ignores like any unknown field: once the cause is removed, the file can be posted as it
is.
The file can be moved away at any time: the next letter starts a new one.

The file has a maximum size, so that a bad schema change cannot fill the disk. Beyond it rows are
still reported to their senders, and the log says that they were not kept.
"""

import asyncio
import fcntl
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
import structlog

from utility_ts_analytics.clock import Clock
from utility_ts_analytics.records.reading import Reading

_FILE_MODE: Final = 0o600  # readings are personal data
_FOLDER_MODE: Final = 0o700

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Letter:
    """One refused row.

    Attributes:
        row: As it was to be stored, event id included.
        reason: What the database said; one line.
        request_id: Of the request that it came with; "" if that is not known any more.
        position: Line number (or array index) in that request.
    """

    row: Reading
    reason: str
    request_id: str
    position: int


class DeadLetters:
    """Keeps letters of one stream. One event loop; a thread writes to the disk.

    Args:
        dead_letter_dir: Made when the first letter comes.
        stream: Name of the file.
        dead_letter_max_bytes: Largest size of the file, bytes.
        clock: For the time in the letter.
    """

    def __init__(
        self, dead_letter_dir: Path, stream: str, *, dead_letter_max_bytes: int, clock: Clock
    ) -> None:
        self._path = dead_letter_dir / f"{stream}.ndjson"
        self._dead_letter_max_bytes = dead_letter_max_bytes
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="dead-letter")

    async def keep(self, letter: Letter) -> bool:
        """Append one letter; it is on the disk when this returns True.

        Trouble with the disk is not raised but logged, without values of the row.
        """
        refused_at = datetime.fromtimestamp(self._clock.wall_ns() // 1_000_000_000, tz=UTC)
        line = letter_line(letter, refused_at)
        loop = asyncio.get_running_loop()
        cause = await loop.run_in_executor(self._thread, self._append, line)
        if cause is None:
            return True
        _log.error("cannot keep a dead letter", cause=cause, request_id=letter.request_id)
        return False

    async def close(self) -> None:
        """End the thread, after the letter that it writes. Idempotent."""
        self._thread.shutdown(wait=False)

    def _append(self, line: bytes) -> str | None:
        """Return why the line could not be appended, or None."""
        try:
            self._path.parent.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            file = os.open(self._path, flags, _FILE_MODE)
            try:
                return self._append_locked(file, line)
            finally:
                os.close(file)
        except OSError as error:
            return f"{self._path}: {error.strerror}; make room, or change dead_letter_dir"

    def _append_locked(self, file: int, line: bytes) -> str | None:
        fcntl.flock(file, fcntl.LOCK_EX)
        size = os.fstat(file).st_size
        if size + len(line) > self._dead_letter_max_bytes:
            limit = f"{self._dead_letter_max_bytes} bytes (dead_letter_max_bytes)"
            return f"{self._path} is full at {limit}: move it away"
        try:
            if os.write(file, line) < len(line):
                os.ftruncate(file, size)
                return f"{self._path}: the disk is full; make room, or change dead_letter_dir"
            os.fdatasync(file)
        except OSError:
            os.ftruncate(file, size)  # half a line would spoil the next one
            raise
        return None


def letter_line(letter: Letter, refused_at: datetime) -> bytes:
    """Return the line of a letter: a record that can be posted again."""
    record = msgspec.to_builtins(letter.row)
    record["dead_letter"] = {
        "reason": letter.reason,
        "request_id": letter.request_id,
        "position": letter.position,
        "refused_at": refused_at,
    }
    return msgspec.json.encode(record) + b"\n"
