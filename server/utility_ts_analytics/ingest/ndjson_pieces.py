"""NDJSON files as pieces, through the decoder that the server uses.

A place in a file that is not compressed is an offset, so a resumed load seeks; in one that is, and
behind a line that was too long to be measured, it is a line's number, and the lines before are cut
again but not decoded.
"""

import io
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Final

from utility_ts_analytics.buffering.block import Block, Settlement
from utility_ts_analytics.errors import ClientError, OperatorError
from utility_ts_analytics.ingest.closing import ClosedAtExit
from utility_ts_analytics.ingest.file_kinds import check_text, encoding_of
from utility_ts_analytics.ingest.pieces import START, Extent, Place, RefusedText
from utility_ts_analytics.reading.compression import Encoding, decompressor
from utility_ts_analytics.reading.lines import LineBlock, LineSplitter, LongLine
from utility_ts_analytics.reading.ndjson import BYTE_ORDER_MARK, Decoded, NdjsonDecoder
from utility_ts_analytics.records.validation import RowError

_READ_BYTES: Final = 256 * 1024
_UNBOUNDED: Final = 2**62
"""A file's own size bounds it; nothing is held in memory."""

_MAGIC: Final[Mapping[bytes, Encoding]] = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}


@dataclass(frozen=True, slots=True)
class NdjsonRules:
    """How the lines of every file of a load are read.

    Attributes:
        decoder: Of the stream.
        key_field: Names the meter or plant of a row.
        line_bytes_max: Longest line, bytes; a longer one is refused and its text dropped.
        ts_end: First instant that is too late.
    """

    decoder: NdjsonDecoder
    key_field: str
    line_bytes_max: int
    ts_end: datetime


class NdjsonPiece:
    """A block of lines, decoded; a `Piece`."""

    __slots__ = ("_data", "_decoded", "_first_line", "_key_field", "_row_count", "place", "refused")

    def __init__(self, decoded: Decoded, lines: LineBlock, place: Place, key_field: str) -> None:
        self._decoded: Decoded | None = decoded
        self._data = lines.data
        self._first_line = lines.first_line
        self._key_field = key_field
        self.place = place
        self._row_count = len(decoded.rows)
        self.refused: Sequence[RefusedText] = ()
        if decoded.errors:
            # Cut once: to find each line by itself takes the square of their number.
            texts = io.BytesIO(lines.data).readlines()
            self.refused = [
                RefusedText(error, texts[error.position - lines.first_line])
                for error in decoded.errors
            ]

    @property
    def row_count(self) -> int:
        """Rows that keep all rules."""
        return self._row_count

    @property
    def line_count(self) -> int:
        """Lines that are not blank."""
        return self._row_count + len(self.refused)

    @property
    def size_bytes(self) -> int:
        """Of the lines, newlines included."""
        return len(self._data)

    def block(self, settlement: Settlement) -> Block:
        """Hand the rows over, once: whoever encodes them lets their memory go."""
        decoded, self._decoded = self._decoded, None
        if decoded is None:
            raise AssertionError("the rows of a piece are handed over once")
        return Block(decoded.rows, decoded.positions, decoded.size_bytes, settlement, decoded.days)

    def text_of(self, position: int) -> bytes:
        """Return the line with this number."""
        lines = io.BytesIO(self._data)
        for _ in range(position - self._first_line):
            lines.readline()
        return lines.readline()

    def extent(self) -> Extent | None:
        """Return what the rows span; a step of Python for each row."""
        if self._decoded is None or not self._decoded.rows:
            return None
        rows = self._decoded.rows
        instants = [row.ts for row in rows]
        keys = frozenset(getattr(row, self._key_field) for row in rows)
        return Extent(min(instants), max(instants), keys)


@dataclass(frozen=True, slots=True)
class LongLinePiece:
    """A line over the bound, whose bytes nobody holds; a `Piece`."""

    place: Place
    refused: Sequence[RefusedText]
    row_count: int = 0
    line_count: int = 1
    size_bytes: int = 0

    def block(self, settlement: Settlement) -> Block:
        """There is no row."""
        raise AssertionError("there is no row in a line that is too long")

    def text_of(self, position: int) -> bytes:
        """Nothing of it was kept."""
        return b""

    def extent(self) -> Extent | None:
        """There is no row."""
        return None


class NdjsonFile(ClosedAtExit):
    """One NDJSON file from a place on; a `PieceSource`.

    Args:
        path: `-` is standard input, where compression is recognised by its first bytes; elsewhere
            by the name.
        rules: How lines are read.
        start: Where to begin: the place of a piece of an earlier run over the same file.

    Raises:
        OperatorError: It cannot be opened.
    """

    head = b""
    notes: Mapping[str, int] = MappingProxyType({})

    def __init__(self, path: Path, rules: NdjsonRules, start: Place = START) -> None:
        super().__init__(ExitStack())
        self.bytes_read = 0
        self._name = str(path)
        self._rules = rules
        self._start = start
        try:
            if self._name == "-":
                # Not sys.stdin.buffer: a thread that waits in its lock could end the process badly.
                file = io.FileIO(sys.stdin.fileno(), closefd=False)
            else:
                file = io.FileIO(path)
        except OSError as error:
            raise OperatorError(f"cannot read {path}: {error.strerror}") from error
        self._file = self._stack.enter_context(file)
        self._encoding = encoding_of(path)

    def __iter__(self) -> Iterator[NdjsonPiece | LongLinePiece]:
        """Yield the pieces in order; see `PieceSource`."""
        try:
            yield from self._pieces()
        except (OSError, ClientError) as error:
            detail = error.detail if isinstance(error, ClientError) else error.strerror
            raise OperatorError(f"cannot read {self._name}: {detail}") from error

    def _pieces(self) -> Iterator[NdjsonPiece | LongLinePiece]:
        start = self._start
        if start.offset:
            self._file.seek(start.offset)
            self.bytes_read = start.offset
        first = self._file.read(_READ_BYTES) or b""
        if self._name == "-":
            self._encoding = next((e for m, e in _MAGIC.items() if first.startswith(m)), "identity")
        if start.offset == 0 and self._encoding == "identity" and not _may_be_json(first):
            # Refuse what is known to be of another kind, rather than each of its lines.
            check_text(first, self._name)
        splitter = LineSplitter(
            self._rules.line_bytes_max, next_line=start.next_line if start.offset else 1
        )
        seekable = self._encoding == "identity" and self._name != "-"
        offset = start.offset if seekable else None
        lines = start.lines
        for part in self._parts(splitter, first):
            if isinstance(part, LongLine):
                offset = None
                lines += 1
                yield self._long_line(part, Place(lines, part.line + 1, offset))
                continue
            if offset is not None:
                offset += len(part.data)
            decoded = self._rules.decoder.decode(part, ts_end=self._rules.ts_end)
            lines += decoded.line_count
            place = Place(lines, part.first_line + part.lines, offset)
            yield NdjsonPiece(decoded, part, place, self._rules.key_field)

    def _parts(self, splitter: LineSplitter, first: bytes) -> Iterator[LineBlock | LongLine]:
        """Yield what lies behind the start."""
        plain = decompressor(self._encoding, _UNBOUNDED)

        def parts() -> Iterator[LineBlock | LongLine]:
            for chunk in self._chunks(first):
                for text in plain.feed(chunk):
                    yield from splitter.feed(text)
            plain.finish()
            yield from splitter.finish()

        for part in parts():
            rest = _from_line(part, self._start.next_line)
            if rest is not None:
                yield rest

    def _chunks(self, first: bytes) -> Iterator[bytes]:
        chunk = first
        while chunk:
            self.bytes_read += len(chunk)
            yield chunk
            chunk = self._file.read(_READ_BYTES) or b""

    def _long_line(self, part: LongLine, place: Place) -> LongLinePiece:
        detail = f"the line is over {self._rules.line_bytes_max} bytes (max_line_bytes)"
        error = RowError(part.line, "line-too-long", None, detail)
        return LongLinePiece(place, [RefusedText(error, b"")])


def _from_line(part: LineBlock | LongLine, line: int) -> LineBlock | LongLine | None:
    """Return what `part` has from `line` on, or None."""
    if isinstance(part, LongLine):
        return part if part.line >= line else None
    if part.first_line >= line:
        return part
    if part.first_line + part.lines <= line:
        return None
    rest = b"".join(io.BytesIO(part.data).readlines()[line - part.first_line :])
    return LineBlock(rest, line, part.first_line + part.lines - line)


def _may_be_json(head: bytes) -> bool:
    return head.removeprefix(BYTE_ORDER_MARK).lstrip()[:1] in (b"{", b"")
