"""Cut a stream of byte chunks into blocks of whole lines, with every bound held while it grows.

Knows newlines and nothing else: what a line means is for `ndjson`. However a body is chunked, the
lines, their numbers and the over-long lines are the same; only the borders between blocks move
(law 1, `test_any_chunking_gives_the_same_lines`).
"""

from collections.abc import Iterator
from dataclasses import dataclass

BLOCK_BYTES_MAX = 131_072
"""Default size of a block: about 1 ms of decoding at 170 bytes a row."""

BLOCK_LINES_MAX = 1_024
"""Most lines of a block, as default: one of two-byte lines, all wrong, would take 0.1 s else."""


@dataclass(frozen=True, slots=True)
class LineBlock:
    r"""Whole lines, in order.

    Attributes:
        data: One or more lines, each ended by `\n`. Never empty.
        first_line: Number of the first of them, from 1.
        lines: How many, >= 1.
    """

    data: bytes
    first_line: int
    lines: int

    @classmethod
    def of(cls, data: bytes, first_line: int) -> "LineBlock":
        """Return whole lines as a block, counted."""
        return cls(data, first_line, _count_lines(data))

    @property
    def rows_max(self) -> int:
        """Most rows that the lines can be: none if all of them are blank."""
        return 0 if _is_blank(self.data) else self.lines


@dataclass(frozen=True, slots=True)
class LongLine:
    """A line over the bound, whose bytes were dropped.

    Attributes:
        line: Its number, from 1.
    """

    line: int


class LineSplitter:
    """Cuts one body. Holds at most one unfinished line of `line_bytes_max` beside the chunk.

    Args:
        line_bytes_max: Longest line, bytes, its newline not counted but a CR before it is; >= 1.
        block_bytes_max: Largest block, bytes, >= 1. A longer line makes a block of its own.
        block_lines_max: Most lines of a block, >= 1. A block of blank lines may have more.
        next_line: Number of the body's first line, for one that is read from its middle on.
    """

    def __init__(
        self,
        line_bytes_max: int,
        block_bytes_max: int = BLOCK_BYTES_MAX,
        *,
        block_lines_max: int = BLOCK_LINES_MAX,
        next_line: int = 1,
    ) -> None:
        self._line_bytes_max = line_bytes_max
        self._block_bytes_max = block_bytes_max
        self._block_lines_max = block_lines_max
        self._wanted_bytes = block_bytes_max
        self._unfinished = bytearray()
        self._dropping = False
        self._next_line = next_line

    @property
    def lines_seen(self) -> int:
        """Lines handed out or reported so far, blank ones included."""
        return self._next_line - 1

    def feed(self, chunk: bytes) -> Iterator[LineBlock | LongLine]:
        """Yield what `chunk` completes, in the order of the body.

        Run the iterator to its end before the next call: the state moves on with it. An over-long
        line is reported once, as soon as it is over.
        """
        last = chunk.rfind(b"\n") + 1
        if last == 0:
            yield from self._hold(chunk)
            return
        start = 0
        if self._dropping:
            start = chunk.find(b"\n") + 1
            self._dropping = False
        with memoryview(chunk) as view:
            whole = b"".join((self._unfinished, view[start:last]))
        self._unfinished.clear()
        yield from self._split(whole)
        yield from self._hold(chunk[last:])

    def finish(self) -> Iterator[LineBlock | LongLine]:
        """Yield the last line of a complete body, if it came without a newline.

        Not to be called for a body that ended early: its unfinished line is then never handed out.
        """
        if self._unfinished:
            self._unfinished += b"\n"
            last = bytes(self._unfinished)
            self._unfinished.clear()
            yield self._block(last)

    def _hold(self, part: bytes) -> Iterator[LongLine]:
        """Keep the part of a line that has no newline yet, or drop it where it is over."""
        if self._dropping:
            return
        if len(self._unfinished) + len(part) <= self._line_bytes_max:
            self._unfinished += part
            return
        # Assigned anew, not cleared: so the memory goes back at once.
        self._unfinished = bytearray()
        self._dropping = True
        yield self._long_line()

    def _split(self, whole: bytes) -> Iterator[LineBlock | LongLine]:
        """Take over-long lines out of whole lines; goes in strides of the bound, not by line."""
        start = checked = 0
        while checked < len(whole):
            end = whole.rfind(b"\n", checked, checked + self._line_bytes_max + 1) + 1
            if end:
                checked = end
                continue
            yield from self._blocks(whole, start, checked)
            yield self._long_line()
            start = checked = whole.find(b"\n", checked + self._line_bytes_max) + 1
        yield from self._blocks(whole, start, len(whole))

    def _blocks(self, whole: bytes, start: int, end: int) -> Iterator[LineBlock]:
        """Cut `whole[start:end]`, lines of legal length, into blocks."""
        while start < end:
            cut = end
            if end - start > self._wanted_bytes:
                cut = _line_end(whole, start, start + self._wanted_bytes)
            data = whole[start:cut]
            if _is_blank(data):  # passed over at once, not looked at line by line
                lines = data.count(b"\n")
            else:
                data, lines = self._short_enough(data)
            yield self._block(data, lines)
            # Behind short lines there are more of them: to count all that is left each time would
            # take the square of it (`test_short_lines_cost_no_more_than_their_number`).
            wanted = 2 * (len(data) if start + len(data) < cut else self._wanted_bytes)
            self._wanted_bytes = min(self._block_bytes_max, wanted)
            start += len(data)

    def _short_enough(self, data: bytes) -> tuple[bytes, int]:
        """Return the first of these lines, as many as a block may have, and their number."""
        while (lines := _count_lines(data)) > self._block_lines_max:
            cut = _line_end(data, 0, len(data) * self._block_lines_max // lines)
            data = data[:cut]
        return data, lines

    def _block(self, data: bytes, lines: int = 1) -> LineBlock:
        block = LineBlock(data, self._next_line, lines)
        self._next_line += lines
        return block

    def _long_line(self) -> LongLine:
        self._next_line += 1
        return LongLine(self._next_line - 1)


def _line_end(whole: bytes, start: int, wanted: int) -> int:
    """Return the last line end in `whole[start:wanted]`, or the end of the first line if longer."""
    return (whole.rfind(b"\n", start, wanted) + 1) or (whole.find(b"\n", wanted) + 1)


def _is_blank(data: bytes) -> bool:
    # Five times as fast as to strip blanks; for other lines both stop at their first byte.
    return data.isspace() and b"\v" not in data and b"\f" not in data


def _count_lines(data: bytes) -> int:
    # bytes.count goes byte by byte in CPython 3.11: 3 times as slow as this, measured.
    return len(data) - len(data.replace(b"\n", b""))
