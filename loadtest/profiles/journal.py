"""What was posted and what came back, one line of JSON for each answer, written as it happens."""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

NO_ANSWER = 0
"""Status of a post that the other end did not answer."""


class Entry(msgspec.Struct, array_like=True, frozen=True, kw_only=True):
    """One answer to one body, or that there was none. Times are monotonic, seconds.

    Attributes:
        first: Number of the body's first piece.
        pieces: How many it has.
        due_s: When it was to be posted by the schedule, whatever became of earlier ones.
        sent_s: When this attempt began.
        ended_s: When its answer was there.
        status: Of HTTP, or `NO_ANSWER`.
        accepted: Rows that the answer calls accepted.
        parse_errors: As answered.
        rejected: As answered.
        last: Whether the body is not posted again because of this answer.
        replay: Whether the body had been acknowledged before.
        size: Bytes of the body; 0 where it was not counted.
        fault: Why this is not the right answer; empty if it is.
    """

    first: int
    pieces: int
    due_s: float
    sent_s: float
    ended_s: float
    status: int
    accepted: int
    parse_errors: int
    rejected: int
    last: bool
    replay: bool
    size: int
    fault: str


class JournalWriter:
    """Appends entries to a file. Close it: the last ones wait in memory."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._encode = msgspec.json.Encoder().encode

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def write(self, entry: Entry) -> None:
        """Add one entry."""
        self._file.write(self._encode(entry) + b"\n")

    def close(self) -> None:
        """Write what waits. Idempotent."""
        self._file.close()


def read_journal(path: Path) -> Iterator[Entry]:
    """Yield the entries in the order they were written. Memory does not grow with the file."""
    decode = msgspec.json.Decoder(Entry).decode
    with path.open("rb") as lines:
        for line in lines:
            yield decode(line)
