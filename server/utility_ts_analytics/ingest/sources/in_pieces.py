"""What sources that read one file from end to end have in common."""

from contextlib import ExitStack

from utility_ts_analytics.ingest.closing import ClosedAtExit
from utility_ts_analytics.ingest.sources.file_pieces import FilePieces


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
