"""What sources have in common: they close what they opened, and know how far they have read."""

from contextlib import ExitStack
from types import TracebackType
from typing import Self

from utility_ts_analytics.ingest.sources.file_pieces import FilePieces


class ClosedAtExit:
    """Closes what it opened when its `with` ends.

    Args:
        stack: Holds what was opened.
    """

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()


class ReadInPieces(ClosedAtExit):
    """A source that reads one file from its first byte to its last.

    Args:
        pieces: The file.
        stack: Closes it.

    Attributes:
        name: The path as it was given.
        head: What a refused file begins with; empty until a source knows better.
    """

    def __init__(self, pieces: FilePieces, stack: ExitStack) -> None:
        super().__init__(stack)
        self.name = pieces.name
        self.head = b""
        self._pieces = pieces

    @property
    def size_bytes(self) -> int | None:
        """Size of the file on disk, bytes."""
        return self._pieces.size_bytes

    @property
    def bytes_read(self) -> int:
        """Of the file on disk, so far."""
        return self._pieces.bytes_read
