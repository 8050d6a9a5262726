"""Parquet and Arrow files, batch by batch; no value becomes a Python object unless it is refused.

Parquet is read through a buffer of a MiB per column, page by page: without it pyarrow holds a
row group's whole column chunk, and files of one row group are common. Arrow files are mapped into
memory; a batch of theirs is cut, not copied, unless it is compressed.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.ingest.closing import ClosedAtExit
from utility_ts_analytics.ingest.file_kinds import FileKind
from utility_ts_analytics.ingest.mapping.arrays import plain
from utility_ts_analytics.ingest.mapping.mapper import Mapper
from utility_ts_analytics.ingest.mapping.model import FileMapping
from utility_ts_analytics.ingest.sources.contract import (
    BLOCK_ROWS_MAX,
    Refused,
    SourceBlock,
)
from utility_ts_analytics.ingest.sources.csv_source import own_mapping
from utility_ts_analytics.ingest.sources.raw import RawBlock, mapped
from utility_ts_analytics.ingest.sources.sound_columns import (
    as_texts,
    sound_columns,
    without_rows,
)
from utility_ts_analytics.records.streams import StreamSpec
from utility_ts_analytics.records.validation import RowError

_PAGE_BUFFER_BYTES = 1_048_576
_ARROW_MAGIC = b"ARROW1"
_encode = msgspec.json.Encoder(decimal_format="number").encode


class ArrowSource(ClosedAtExit):
    """One file of columns. Positions are row numbers from 1, refused rows are NDJSON.

    Args:
        path: Not standard input: both kinds keep their description at the end.
        spec: The stream.
        mapping: None for a file whose columns have the names of the fields.
        kind: `parquet` or `arrow`.
        stack: Closes the file.

    Raises:
        OperatorError: It is no such file, is cut, or lacks columns.
    """

    def __init__(
        self,
        path: Path,
        spec: StreamSpec,
        mapping: FileMapping | None,
        *,
        kind: FileKind,
        stack: ExitStack,
    ) -> None:
        super().__init__(stack)
        self.name = str(path)
        self.head = b""
        self.refused_kind: FileKind = "ndjson"
        self._rows_done = 0
        self._row_count: int | None = None
        self._parts_done = self._parts_count = 0
        try:
            self.size_bytes: int | None = path.stat().st_size
            if kind == "parquet":
                schema, self._batches = self._open_parquet(path)
            else:
                schema, self._batches = self._open_arrow(path)
            types = pa.schema([(column.name, _plain_type(column.type)) for column in schema])
        except UnicodeDecodeError as error:
            raise OperatorError(
                f"cannot read {self.name}: the name of a column is not UTF-8"
            ) from error
        except (pa.ArrowException, OSError) as error:
            raise self._unreadable(error) from error
        where = f"{self.name}: the schema"
        self._mapper = Mapper.of_file(
            mapping or own_mapping(spec, schema.names), spec, schema.names, where
        )
        self._mapper.check_types(types, self.name)

    @property
    def bytes_read(self) -> int:
        """Of the file on disk, by the share of its rows or batches done; 0 for a stream's."""
        size_bytes = self.size_bytes or 0
        if self._row_count:
            return size_bytes * self._rows_done // self._row_count
        return size_bytes * self._parts_done // max(self._parts_count, 1)

    @property
    def notes(self) -> Mapping[str, int]:
        """How often each rule decided something."""
        return self._mapper.notes

    def __iter__(self) -> Iterator[SourceBlock]:
        """Yield the blocks; see `contract.Source`."""
        batches = self._batches(list(self._mapper.used))
        while True:
            try:
                batch = next(batches, None)
                raw = None if batch is None else self._raw_block(batch)
            except (pa.ArrowException, OSError) as error:
                raise self._unreadable(error) from error
            if raw is None:
                return
            yield mapped(raw, self._mapper)

    def _raw_block(self, batch: pa.RecordBatch) -> RawBlock:
        """Return the columns that are used, and the rows that are refused for what is no text."""
        first = self._rows_done + 1
        columns, faulty = sound_columns(batch, self._mapper.used)
        self._rows_done += batch.num_rows
        positions: Sequence[int] = range(first, first + columns.num_rows)
        size_bytes = columns.nbytes
        refused: list[Refused] = []
        if faulty:
            text_of = _JsonTexts(columns)
            for row in faulty:
                error = _not_utf8(positions[row.row_index], self._mapper.field_of(row.column))
                refused.append(Refused(error, text_of(row.row_index)))
            columns, rows = without_rows(columns, faulty)
            columns = as_texts(columns)
            positions = (rows + first).tolist()
        return RawBlock(columns, positions, refused, size_bytes, _JsonTexts(columns))

    def _open_parquet(self, path: Path) -> "tuple[pa.Schema, _Batches]":
        file = self._stack.enter_context(
            pyarrow.parquet.ParquetFile(path, buffer_size=_PAGE_BUFFER_BYTES, pre_buffer=False)
        )
        self._row_count = file.metadata.num_rows

        def batches(columns: list[str]) -> Iterator[pa.RecordBatch]:
            batches: Iterator[pa.RecordBatch] = file.iter_batches(
                batch_size=BLOCK_ROWS_MAX, columns=columns, use_threads=False
            )
            return batches

        return file.schema_arrow, batches

    def _open_arrow(self, path: Path) -> "tuple[pa.Schema, _Batches]":
        data = self._stack.enter_context(pa.memory_map(str(path)))
        if data.read_at(len(_ARROW_MAGIC), 0) == _ARROW_MAGIC:
            file = self._stack.enter_context(pa.ipc.open_file(data))
            self._parts_count = file.num_record_batches

            def parts() -> Iterator[pa.RecordBatch]:
                for index in range(file.num_record_batches):
                    yield file.get_batch(index)
                    self._parts_done = index + 1

            return file.schema, lambda columns: _cut(parts(), columns)
        stream = self._stack.enter_context(pa.ipc.open_stream(data))
        return stream.schema, lambda columns: _cut(iter(stream), columns)

    def _unreadable(self, error: Exception) -> OperatorError:
        where = f", row {self._rows_done + 1}" if self._rows_done else ""
        reason = " ".join(str(error).split()).rstrip(".")
        return OperatorError(
            f"cannot read {self.name}{where}: {reason} (is the file whole, and of the kind that its"
            " name says?)"
        )


_Batches = Callable[[list[str]], Iterator[pa.RecordBatch]]


def _cut(batches: Iterator[pa.RecordBatch], columns: list[str]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for start in range(0, batch.num_rows, BLOCK_ROWS_MAX):
            yield batch.select(columns).slice(start, BLOCK_ROWS_MAX)


def _plain_type(kind: pa.DataType) -> pa.DataType:
    """Return the type that `arrays.plain` makes of a column of this type."""
    return plain(pa.array([], kind)).type if not isinstance(kind, pa.ExtensionType) else kind


class _JsonTexts:
    """A row as one line of NDJSON with the columns of the file that are used."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self._batch = batch

    def __call__(self, index: int) -> bytes:
        row = self._batch.slice(index, 1)
        # Python has no nanoseconds.
        kinds = [
            pa.timestamp("us", kind.tz) if pa.types.is_timestamp(kind) else kind
            for kind in row.schema.types
        ]
        columns = [
            column.cast(kind, safe=False) for column, kind in zip(row.columns, kinds, strict=True)
        ]
        values = {
            name: _value(column) for name, column in zip(row.schema.names, columns, strict=True)
        }
        return _encode(values) + b"\n"


def _value(column: pa.Array) -> object:
    """Return the first value; bytes, which are no UTF-8, as a JSON text of just these bytes.

    Whoever corrects the row sees them, and whoever loads it as it is gets it refused again.
    """
    try:
        value = column[0].as_py()
    except (OverflowError, ValueError):  # a time that Python has not: its number, as it stands
        return column.view(pa.int64() if column.type.bit_width == 64 else pa.int32())[0].as_py()
    if not isinstance(value, bytes):
        return value
    text = json.dumps(value.decode(errors="surrogateescape"), ensure_ascii=False)
    return msgspec.Raw(text.encode(errors="surrogateescape"))


def _not_utf8(position: int, field: str | None) -> RowError:
    where = f"the text of {field}" if field else "a text"
    return RowError(position, "invalid-utf8", field, f"{where} is not UTF-8")
