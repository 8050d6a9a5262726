"""Cut a stream of byte chunks into blocks of whole lines; bounds hold while a line grows.

Knows newlines and nothing else; `ndjson` reads the lines. However a body is chunked, the lines,
their numbers and the over-long lines are the same; only the borders between blocks move (law 1,
`test_any_chunking_gives_the_same_lines`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from io import BytesIO

from msgspec import Struct

BLOCK_BYTES_MAX = 131_072
"""Default for the largest block, bytes: about 1 ms of decoding at 170 bytes a row."""

BLOCK_LINES_MAX = 1_024
"""Default for the most lines of a block: two-byte bad lines would otherwise take 0.1 s a block."""

_HEAD_BYTES = 1_024


class LineBlock(Struct, frozen=True, gc=False):
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
        """Return whole lines as a block, and count them."""
        return cls(data, first_line, count_lines(data))

    @property
    def rows_max(self) -> int:
        """The most rows that the lines can hold: 0 if all of them are blank."""
        return 0 if is_blank(self.data) else self.lines


@dataclass(frozen=True, slots=True)
class LongLine:
    """A line over the bound; its bytes were dropped.

    Attributes:
        line: Its number, from 1.
        head: Its first bytes, at most 1,024 and no more than the bound, to tell what it was.
    """

    line: int
    head: bytes = field(default=b"", repr=False)


class LineSplitter:
    """Cuts one body. Holds at most one unfinished line of `max_line_bytes` beside the chunk.

    Args:
        max_line_bytes: Longest line, bytes, >= 1; a CR counts, the newline does not.
        block_bytes_max: Largest block, bytes, >= 1. A longer line makes a block of its own.
        block_lines_max: Most lines of a block, >= 1. A block of blank lines may have more.
        next_line: Number of the first line, where reading begins in the middle of a file.
    """

    def __init__(
        self,
        max_line_bytes: int,
        block_bytes_max: int = BLOCK_BYTES_MAX,
        *,
        block_lines_max: int = BLOCK_LINES_MAX,
        next_line: int = 1,
    ) -> None:
        self._max_line_bytes = max_line_bytes
        self._block_bytes_max = block_bytes_max
        self._block_lines_max = block_lines_max
        self._wanted_bytes = block_bytes_max
        self._unfinished = bytearray()
        self._dropping = False
        self._next_line = next_line

    @property
    def lines_seen(self) -> int:
        """Lines yielded so far, blank and over-long ones included."""
        return self._next_line - 1

    def feed(self, chunk: bytes) -> Iterator[LineBlock | LongLine]:
        """Yield the lines that `chunk` completes, in order.

        Run the iterator to its end before the next call: the state moves on with it. An over-long
        line is yielded once, as soon as it is over the bound.
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
        rest = chunk[last:]
        del chunk  # lines may wait for long
        self._unfinished.clear()
        yield from self._split(whole)
        yield from self._hold(rest)

    def finish(self) -> Iterator[LineBlock | LongLine]:
        """Yield the last line of a complete body, if it has no newline.

        Do not call this for a body that ended early, so that its unfinished line is dropped.
        """
        if self._unfinished:
            self._unfinished += b"\n"
            last = bytes(self._unfinished)
            self._unfinished.clear()
            yield self._block(last)

    def _hold(self, part: bytes) -> Iterator[LongLine]:
        """Keep the part of a line that has no newline yet, or drop it where it is too long."""
        if self._dropping:
            return
        if len(self._unfinished) + len(part) <= self._max_line_bytes:
            self._unfinished += part
            return
        head = bytes(self._unfinished[:_HEAD_BYTES] + part[:_HEAD_BYTES])
        # Assigned anew, not cleared: this frees the memory at once.
        self._unfinished = bytearray()
        self._dropping = True
        yield self._long_line(head)

    def _split(self, whole: bytes) -> Iterator[LineBlock | LongLine]:
        """Take over-long lines out of whole lines, in strides of the bound instead of by line."""
        start = checked = 0
        while checked < len(whole):
            end = whole.rfind(b"\n", checked, checked + self._max_line_bytes + 1) + 1
            if end:
                checked = end
                continue
            yield from self._blocks(whole, start, checked)
            yield self._long_line(whole[checked : checked + _HEAD_BYTES])
            start = checked = whole.find(b"\n", checked + self._max_line_bytes) + 1
        yield from self._blocks(whole, start, len(whole))

    def _blocks(self, whole: bytes, start: int, end: int) -> Iterator[LineBlock]:
        """Cut `whole[start:end]`, lines of legal length, into blocks."""
        while start < end:
            cut = end
            if end - start > self._wanted_bytes:
                cut = _line_end(whole, start, start + self._wanted_bytes)
            data = whole[start:cut]
            if is_blank(data):  # one block of any number of lines
                lines = data.count(b"\n")
            else:
                data, lines = self._short_enough(data)
            yield self._block(data, lines)
            # More short lines are likely to follow. Counting all that is left for each block would
            # take quadratic time (`test_short_lines_cost_no_more_than_their_number`).
            wanted = 2 * (len(data) if start + len(data) < cut else self._wanted_bytes)
            self._wanted_bytes = min(self._block_bytes_max, wanted)
            start += len(data)

    def _short_enough(self, data: bytes) -> tuple[bytes, int]:
        """Return as many of the first lines as a block may have, and their number."""
        while (lines := count_lines(data)) > self._block_lines_max:
            cut = _line_end(data, 0, len(data) * self._block_lines_max // lines)
            data = data[:cut]
        return data, lines

    def _block(self, data: bytes, lines: int = 1) -> LineBlock:
        block = LineBlock(data, self._next_line, lines)
        self._next_line += lines
        return block

    def _long_line(self, head: bytes) -> LongLine:
        self._next_line += 1
        return LongLine(self._next_line - 1, head[: min(_HEAD_BYTES, self._max_line_bytes)])


def from_line(parts: Iterable[LineBlock | LongLine], line: int) -> Iterator[LineBlock | LongLine]:
    """Yield what lines there are from number `line` on."""
    for part in parts:
        first = part.line if isinstance(part, LongLine) else part.first_line
        if first >= line:
            yield part
        elif isinstance(part, LineBlock) and first + part.lines > line:
            rest = b"".join(BytesIO(part.data).readlines()[line - first :])
            yield LineBlock(rest, line, first + part.lines - line)


def _line_end(whole: bytes, start: int, wanted: int) -> int:
    """Return the last line end in `whole[start:wanted]`, or the end of the first line if longer."""
    return (whole.rfind(b"\n", start, wanted) + 1) or (whole.find(b"\n", wanted) + 1)


def is_blank(data: bytes) -> bool:
    """Tell whether there are only blanks and line ends, as JSON defines them; not if empty."""
    # Five times as fast as stripping blanks; for other lines both stop at the first byte.
    return data.isspace() and b"\v" not in data and b"\f" not in data


def count_lines(data: bytes) -> int:
    """Return how many newlines there are."""
    # Three times as fast as bytes.count of CPython 3.11, which goes byte by byte (measured).
    return len(data) - len(data.replace(b"\n", b""))
