"""Rows that are ILP lines already, without a record for each.

They are made where a whole block is read at once by compiled code (`sinks.ilp.columns`,
`sinks.ilp.text_blocks`), and go through the queue and the lanes as they are.
"""

from array import array
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import accumulate

from msgspec import Struct

from utility_ts_analytics.records.reading import Reading
from utility_ts_analytics.records.row_versions import VERSION_BYTES


class EncodedLines(Struct, frozen=True, gc=False):
    """Rows that came encoded: one ILP line per row, in order. Nobody changes the bytes any more.

    Attributes:
        data: The lines, end to end.
        ends: 64-bit integers, rising: where each line ends, counted from the beginning of the lines
            that this is a part of.
        start: Where `data` begins, counted from there too.
        table: Name of the table as it stands in the lines; they can go to no other.
        restore: Returns the rows of complete lines, for sinks that take no ILP.
        versions: Two hashes for each line (`records.row_versions`), where they were asked for; a
            part has none.
    """

    data: memoryview
    ends: memoryview
    start: int
    table: bytes
    restore: Callable[[bytes], Sequence[Reading]]
    versions: bytes = b""

    @classmethod
    def of(
        cls,
        lines: bytes,
        ends: bytes,
        table: bytes,
        restore: Callable[[bytes], Sequence[Reading]],
        versions: bytes = b"",
    ) -> "EncodedLines":
        """Return whole lines; `ends` as bytes of native integers, the others as the attributes."""
        return cls(memoryview(lines), memoryview(ends).cast("q"), 0, table, restore, versions)

    @classmethod
    def joined(
        cls,
        lines: Sequence[bytes],
        table: bytes,
        restore: Callable[[bytes], Sequence[Reading]],
        versions: bytes = b"",
    ) -> "EncodedLines":
        """Return lines that come one by one; the others as the attributes."""
        ends = array("q", accumulate(map(len, lines))).tobytes()
        return cls.of(b"".join(lines), ends, table, restore, versions)

    def __len__(self) -> int:
        return len(self.ends)

    @property
    def size_bytes(self) -> int:
        """Bytes of all lines; in memory they take 8 more per row."""
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

    def merged(self, others: "EncodedLines", places: Sequence[int]) -> "EncodedLines":
        """Return whole lines with others among them.

        Args:
            others: Whole lines into the same table, with versions where these have them.
            places: Of each of the others the index of the line here that it stands before, rising.
        """
        parts: list[memoryview] = []
        versions: list[bytes] = []
        ends = array("q")
        start = done = begin = 0  # of what comes next: byte and line here, byte of the others
        for index, (place, stop) in enumerate(zip(places, others.ends, strict=True)):
            end = self.ends[place - 1] if place else 0
            parts += self.data[start:end], others.data[begin:stop]
            versions += _versions(self, done, place), _versions(others, index, index + 1)
            ends.extend([one + begin for one in self.ends[done:place]])
            ends.append(end + stop)
            start, done, begin = end, place, stop
        parts.append(self.data[start:])
        versions.append(_versions(self, done, len(self)))
        ends.extend([one + begin for one in self.ends[done:]])
        return EncodedLines.of(
            b"".join(parts), ends.tobytes(), self.table, self.restore, b"".join(versions)
        )


def _versions(lines: EncodedLines, first: int, stop: int) -> bytes:
    return lines.versions[VERSION_BYTES * first : VERSION_BYTES * stop]


Rows = Sequence[Reading] | EncodedLines
"""Valid rows in order, in either form."""


class EncodedJson(Struct, frozen=True, gc=False):
    """Lines of JSON that were encoded.

    Attributes:
        lines: Of all records but those in doubt, in order.
        days: Days of these rows (`records.days`).
        doubts: Indexes of the other lines, rising: blank, wrong or unusual ones.
        insert: Returns `lines` with those of further rows, each in front of the line of this index;
            takes the rows, and the indexes in rising order.
    """

    lines: EncodedLines
    days: frozenset[int]
    doubts: Sequence[int]
    insert: Callable[[Sequence[Reading], Sequence[int]], EncodedLines]


JsonEncoder = Callable[[bytes, datetime], EncodedJson | None]
"""Encodes whole lines of JSON, each ended by a newline.

Takes them, and the first instant that is too late for a reading. Returns None where the decoder
alone is cheaper. May be called in several threads at once.
"""


class EncodedCsv(Struct, frozen=True, gc=False):
    """Lines of separated text that were encoded, from the first on.

    Attributes:
        lines: Of all but those in doubt, in order, with versions.
        days: Days of these rows (`records.days`).
        doubts: Indexes of the other lines, rising: each is one record, wrong or unusual.
        size_bytes: Of all these lines; behind them is a line that may be no record of its own, or
            too many were in doubt.
    """

    lines: EncodedLines
    days: frozenset[int]
    doubts: Sequence[int]
    size_bytes: int


CsvEncoder = Callable[[bytes], EncodedCsv]
"""Encodes whole lines of separated text, each ended by a newline; the first begins a record."""
