"""Files of readings, block by block, through the decoder that the server uses.

The name says what a file is: `.ndjson`, `.jsonl` or `.csv`, and `.gz` or `.zst` behind it; `-` is
NDJSON on standard input. A file that ends early in its compression is refused at its end: what was
read before has been handed out by then, and loading the whole file again is safe.
"""

import csv
import io
import math
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Literal

import msgspec

from utility_ts_analytics.errors import ClientError, OperatorError
from utility_ts_analytics.reading.compression import decompressor
from utility_ts_analytics.reading.lines import LineBlock, LineSplitter, LongLine
from utility_ts_analytics.reading.ndjson import Decoded, NdjsonDecoder, is_odd
from utility_ts_analytics.records.streams import StreamSpec
from utility_ts_analytics.records.validation import RowError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_READ_BYTES = 256 * 1024
_CSV_ROWS_MAX = 500
_UNBOUNDED = 2**62
"""A file's own size bounds it; nothing is held in memory."""

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)

Compression = Literal["identity", "gzip", "zstd"]
_COMPRESSIONS: dict[str, Compression] = {".gz": "gzip", ".zst": "zstd"}


@dataclass(frozen=True, slots=True)
class ReadingRules:
    """How the rows of a file are read; the same for every file of a stream.

    Attributes:
        decoder: Of the stream.
        required_fields: Columns that a CSV file must have.
        number_fields: Columns whose cells are numbers.
        line_bytes_max: Bound on one line, bytes, and on one CSV cell, which may span lines. An
            NDJSON line over it is an error of that line; in CSV it ends the file, as nobody can
            tell where the next row begins.
        ts_end: First instant that is too late.
    """

    decoder: NdjsonDecoder
    required_fields: frozenset[str]
    number_fields: frozenset[str]
    line_bytes_max: int
    ts_end: datetime

    @classmethod
    def of_stream(
        cls, spec: StreamSpec, *, allow_negative: bool, line_bytes_max: int, ts_end: datetime
    ) -> "ReadingRules":
        """Return the rules of one stream."""
        record_type = spec.type_for(allow_negative=allow_negative)
        fields = msgspec.structs.fields(record_type)
        required = frozenset(field.name for field in fields if field.required)
        decoder = NdjsonDecoder(spec, record_type)
        return cls(decoder, required, frozenset(spec.numbers), line_bytes_max, ts_end)


@dataclass(slots=True)
class FileSource:
    """One open file; iterate once. A context manager that closes it."""

    name: str
    _blocks: Iterator[Decoded]
    _stack: ExitStack

    def __iter__(self) -> Iterator[Decoded]:
        """Yield what blocks of lines came to, in order.

        Raises:
            OperatorError: The file cannot be read to its end; one line that names it.
        """
        try:
            yield from self._blocks
        except (OSError, csv.Error, UnicodeDecodeError, ClientError) as error:
            detail = error.detail if isinstance(error, ClientError) else error
            raise OperatorError(f"cannot read {self.name}: {detail}") from error

    def __enter__(self) -> "FileSource":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()


def open_readings(path: Path, rules: ReadingRules) -> FileSource:
    """Open one file of readings.

    Raises:
        OperatorError: There is no such file, or its name is of no known kind.
    """
    read, compression = _kind(path)
    stack = ExitStack()
    if str(path) == "-":
        file: BinaryIO = sys.stdin.buffer
    else:
        try:
            file = stack.enter_context(path.open("rb"))
        except OSError as error:
            raise OperatorError(f"cannot read {path}: {error.strerror}") from error
    return FileSource(str(path), read(_pieces(file, compression), rules), stack)


_Reader = Callable[[Iterator[bytes], ReadingRules], Iterator[Decoded]]


def _kind(path: Path) -> tuple[_Reader, Compression]:
    if str(path) == "-":
        return _read_ndjson, "identity"
    compression = _COMPRESSIONS.get(path.suffix, "identity")
    suffix = path.suffix if compression == "identity" else Path(path.stem).suffix
    if suffix in (".ndjson", ".jsonl"):
        return _read_ndjson, compression
    if suffix == ".csv":
        return _read_csv, compression
    raise OperatorError(
        f"cannot read {path}: its name must end in .ndjson, .jsonl or .csv, with .gz or .zst behind"
        " it if it is compressed"
    )


def _pieces(file: BinaryIO, compression: Compression) -> Iterator[bytes]:
    plain = decompressor(compression, _UNBOUNDED)
    while chunk := file.read(_READ_BYTES):
        yield from plain.feed(chunk)
    plain.finish()


def _read_ndjson(pieces: Iterator[bytes], rules: ReadingRules) -> Iterator[Decoded]:
    splitter = LineSplitter(rules.line_bytes_max)

    def decode(part: LineBlock | LongLine) -> Decoded:
        if isinstance(part, LineBlock):
            return rules.decoder.decode(part, ts_end=rules.ts_end)
        detail = f"the line is over {rules.line_bytes_max} bytes (max_line_bytes)"
        return Decoded.of_error(RowError(part.line, "line-too-long", None, detail))

    for piece in pieces:
        yield from map(decode, splitter.feed(piece))
    yield from map(decode, splitter.finish())


def _read_csv(pieces: Iterator[bytes], rules: ReadingRules) -> Iterator[Decoded]:
    """Turn each row into the JSON text that a producer would have sent, and decode that."""
    lines = io.TextIOWrapper(
        io.BufferedReader(_PieceReader(pieces), _READ_BYTES), encoding="utf-8-sig", newline=""
    )
    csv.field_size_limit(rules.line_bytes_max)
    reader = csv.reader(_bounded(lines, rules.line_bytes_max), strict=True)
    header = _header(next(reader, []), rules)
    texts: list[bytes] = []
    first_line = line = reader.line_num + 1
    for row in reader:
        text = _json_text(header, row, line, rules) if row else None
        # Positions within a block follow on; a row over several lines, or none, ends it.
        if line != first_line + len(texts) or len(texts) == _CSV_ROWS_MAX:
            yield _decode_csv(texts, first_line, rules)
            texts, first_line = [], line
        if isinstance(text, RowError):
            yield _decode_csv(texts, first_line, rules)
            yield Decoded.of_error(text)
            texts, first_line = [], reader.line_num + 1
        elif text is not None:
            texts.append(text)
        line = reader.line_num + 1
    yield _decode_csv(texts, first_line, rules)


def _bounded(lines: io.TextIOWrapper, characters_max: int) -> Iterator[str]:
    """Yield lines, and refuse one over the bound before it is held whole."""
    number = 0
    while line := lines.readline(characters_max + len("\r\n")):
        number += 1
        if len(line.rstrip("\r\n")) > characters_max:
            raise csv.Error(f"line {number} is over {characters_max} bytes (max_line_bytes)")
        yield line


def _decode_csv(texts: list[bytes], first_line: int, rules: ReadingRules) -> Decoded:
    together = b"".join(texts)
    return rules.decoder.decode_texts(
        texts,
        first_line,
        ts_end=rules.ts_end,
        size_bytes=len(together),
        plain=is_odd(together),
    )


def _header(names: list[str], rules: ReadingRules) -> list[str]:
    missing = sorted(rules.required_fields - set(names))
    if missing:
        raise csv.Error(f"the header lacks {', '.join(missing)}")
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise csv.Error(f"the header has {', '.join(repeated)} more than once")
    return names


def _json_text(
    header: list[str], row: list[str], line: int, rules: ReadingRules
) -> bytes | RowError:
    """Empty cells are absent; a number that does not parse is an error and never absent."""
    if len(row) != len(header):
        detail = f"the row has {len(row)} cells, the header {len(header)}"
        return RowError(line, "missing-field", None, detail)
    values: dict[str, str | float] = {}
    for name, cell in zip(header, row, strict=True):
        if cell and name in rules.number_fields:
            if _NUMBER.fullmatch(cell) is None or not math.isfinite(float(cell)):
                return RowError(line, "invalid-number", name, f"{name} must be a finite number")
            values[name] = float(cell)
        elif cell:
            values[name] = cell
    return msgspec.json.encode(values)


class _PieceReader(io.RawIOBase):
    """An iterator of bytes as a raw file, for the csv module's text layer."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, target: "WriteableBuffer", /) -> int:
        """Fill `target` from the next piece; 0 at the end."""
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = piece
        view = memoryview(target).cast("B")
        count = min(len(view), len(self._rest))
        view[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count
