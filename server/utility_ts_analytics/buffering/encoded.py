"""Rows that come encoded already: lines as a sink sends them, which can be cut between any two."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from utility_ts_analytics.records.reading import Reading


@dataclass(frozen=True, slots=True)
class EncodedLines:
    """One line per row, in order. Nobody changes the bytes any more.

    Attributes:
        data: The lines, end to end.
        ends: Of 64-bit integers: where each line ends, counted from where those of `data` and the
            parts cut off before them began; rising.
        start: Where `data` begins, counted so.
        table: Name of the table as it stands in the lines; they can go to no other.
        restore: Returns the rows that whole lines were made of. It is needed where they go another
            way than that for which they were encoded.
    """

    data: memoryview
    ends: memoryview
    start: int
    table: bytes
    restore: Callable[[bytes], Sequence[Reading]]

    @property
    def row_count(self) -> int:
        """How many lines."""
        return len(self.ends)

    @property
    def size_bytes(self) -> int:
        """Bytes of all lines: what they take in memory, beside 8 for each row."""
        return self.data.nbytes

    def rows(self) -> Sequence[Reading]:
        """Return the rows; made anew at each call."""
        return self.restore(bytes(self.data))

    def part(self, first: int, stop: int) -> "EncodedLines":
        """Return the lines from index `first` up to, not including, `stop`; nothing is copied."""
        start = self.ends[first - 1] if first else self.start
        end = self.ends[stop - 1] if stop else self.start
        data = self.data[start - self.start : end - self.start]
        return EncodedLines(data, self.ends[first:stop], start, self.table, self.restore)
