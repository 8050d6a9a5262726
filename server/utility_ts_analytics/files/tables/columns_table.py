"""Parquet and Arrow files as tables: their columns with their own types.

Parquet is read through a buffer of a MiB per column, page by page: without it pyarrow holds a
row group's whole column chunk, and files of one row group are common. Arrow files are mapped into
memory; a batch of theirs is cut, not copied, unless it is compressed.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.tables.column_lines import (
    ColumnLines,
    JsonLines,
    is_lines,
    json_text,
    schema_line,
)
from utility_ts_analytics.files.tables.contract import (
    BLOCK_ROWS_MAX,
    CELL_CHARACTERS_MAX,
    REC,
    RecordBlock,
    Refused,
)
from utility_ts_analytics.files.tables.csv_rules import column_names
from utility_ts_analytics.files.tables.file_bytes import FileBytes
from utility_ts_analytics.files.tables.sound_columns import (
    as_texts,
    plain_type,
    sound_columns,
    without_rows,
)

ColumnsKind = Literal["parquet", "arrow"]

_PAGE_BUFFER_BYTES: Final = 1_048_576
_HEAD_BYTES: Final = 64
_ARROW_MAGIC: Final = b"ARROW1"
_FAILURES: Final = (pa.ArrowException, OSError, ValueError, KeyError, IndexError)


class ColumnsTable:
    """One file of columns; a `RecordTable`.

    Its refused records are NDJSON, under a line that has the schema: the same class reads such a
    file with the types that the columns had, so that corrected records pass the same mapping.

    Columns come without dictionaries, views and runs; of types that DuckDB has not, they come as
    text. Two of one name are told apart as those of `csv()` are.

    Args:
        file: It, or the NDJSON of its refused records.
        kind: `parquet` or `arrow`.

    Attributes:
        wanted: Columns to be read; the others come as NULL. None: all.

    Raises:
        OperatorError: It is no such file, or is cut.
    """

    suffix = ".ndjson"

    def __init__(self, file: FileBytes, kind: ColumnsKind) -> None:
        self._file = file
        self._kind = kind
        self.wanted: frozenset[str] | None = None
        self._lines = ColumnLines(file) if is_lines(file.first_bytes(_HEAD_BYTES)) else None
        fields = self._lines.fields if self._lines is not None else self._fields()
        self.schema = pa.schema([REC, *fields])

    @property
    def head(self) -> bytes:
        """The schema, as the first line of a file of refused records."""
        return schema_line(list(self.schema)[1:])

    def blocks(self, notes: dict[str, int]) -> Iterator[RecordBlock]:
        """Yield the blocks; see `RecordTable`."""
        if self._lines is not None:
            yield from self._lines.blocks(self._read(), self.schema)
            return
        done = 0
        with ExitStack() as stack:
            try:
                _, batches = self._opened(stack)
            except _FAILURES as error:
                raise self._unreadable(error, 0) from error
            while True:
                try:
                    batch = next(batches, None)
                    block = None if batch is None else self._block(batch, done)
                except _FAILURES as error:
                    raise self._unreadable(error, done) from error
                if batch is None or block is None:
                    return
                done += batch.num_rows
                yield block

    def _fields(self) -> list[pa.Field]:
        self._path = self._file.plain_path()
        try:
            with ExitStack() as stack:
                own, _ = self._opened(stack)
                for field in own:
                    _look_at_names(field.type)
            return [
                pa.field(name, plain_type(field.type))
                for name, field in zip(column_names(own.names), own, strict=True)
            ]
        except UnicodeDecodeError as error:
            raise OperatorError(
                f"cannot read {self._file.name}: the name of a column, or within one, is not UTF-8"
            ) from error
        except _FAILURES as error:
            raise self._unreadable(error, 0) from error

    def _read(self) -> list[int]:
        """Return the indices of the columns that are wanted."""
        names = self.schema.names[1:]
        return [i for i, name in enumerate(names) if self.wanted is None or name in self.wanted]

    def _block(self, batch: pa.RecordBatch, done: int) -> RecordBlock:
        """Return the columns that are wanted, and the records that are no text where one should be.

        Args:
            batch: Has the columns of `_read`, by place.
            done: Records before it.
        """
        read = self._read()
        names = [self.schema.names[1 + index] for index in read]
        kinds = [self.schema.types[1 + index] for index in read]
        columns, faulty = sound_columns(batch, names)
        numbers = np.arange(done + 1, done + batch.num_rows + 1)
        refused: list[Refused] = []
        if faulty:
            text_of = JsonLines(columns)
            for row in faulty:
                detail = f"the text of column {row.column} is not UTF-8"
                rec = int(numbers[row.row_index])
                text = text_of(row.row_index)
                value = columns.column(row.column)[row.row_index]
                cell = _quoted(value)
                refused.append(Refused(rec, None, "invalid-utf8", None, detail, cell, text))
            columns, rows = without_rows(columns, faulty)
            columns = as_texts(columns, kinds)
            numbers = numbers[rows]
        arrays: list[pa.Array] = [pa.nulls(len(numbers), kind) for kind in self.schema.types[1:]]
        for index, column in zip(read, columns.columns, strict=True):
            arrays[index] = column
        made = pa.RecordBatch.from_arrays([pa.array(numbers), *arrays], schema=self.schema)
        return RecordBlock(made, refused, columns.nbytes, lambda _: None, JsonLines(columns))

    def _opened(self, stack: ExitStack) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        """Open the file; the batches have the columns of `_read`, and rows without any as well."""
        opened = self._parquet if self._kind == "parquet" else self._arrow
        return opened(self._path, stack)

    def _parquet(self, path: Path, stack: ExitStack) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        file = stack.enter_context(
            pyarrow.parquet.ParquetFile(path, buffer_size=_PAGE_BUFFER_BYTES, pre_buffer=False)
        )
        size = path.stat().st_size

        def batches() -> Iterator[pa.RecordBatch]:
            read = self._read()
            names = file.schema_arrow.names
            # By name, of which pyarrow takes a dot for that of a member.
            apart = len(set(names)) == len(names) and not any("." in name for name in names)
            columns = [names[index] for index in read] if apart else None
            total, rows = max(file.metadata.num_rows, 1), 0
            for batch in file.iter_batches(
                batch_size=BLOCK_ROWS_MAX, columns=columns, use_threads=False
            ):
                yield batch if apart else _chosen(batch, read)
                rows += batch.num_rows
                self._progress(size * rows // total)

        return file.schema_arrow, batches()

    def _arrow(self, path: Path, stack: ExitStack) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        data = stack.enter_context(pa.memory_map(str(path)))
        if data.read_at(len(_ARROW_MAGIC), 0) == _ARROW_MAGIC:
            file = stack.enter_context(pa.ipc.open_file(data))
            count = file.num_record_batches
            parts = ((file.get_batch(index), (index + 1) / count) for index in range(count))
            return file.schema, self._cut(parts, data.size())
        stream = stack.enter_context(pa.ipc.open_stream(data))
        streamed = ((batch, data.tell() / data.size()) for batch in stream)
        return stream.schema, self._cut(streamed, data.size())

    def _cut(
        self, batches: Iterator[tuple[pa.RecordBatch, float]], size: int
    ) -> Iterator[pa.RecordBatch]:
        """Cut batches, each with the part of the file that has been read when it has."""
        read = self._read()
        for batch, part in batches:
            chosen = _chosen(batch, read)
            for start in range(0, batch.num_rows, BLOCK_ROWS_MAX):
                if self._path.stat().st_size < size:
                    # To look at what is mapped and gone would end the process.
                    raise ValueError("it was cut while it was read")
                yield chosen.slice(start, BLOCK_ROWS_MAX)
            self._progress(int(size * part))
        self._progress(size)

    def _progress(self, size_bytes: int) -> None:
        if self._path == self._file.path:  # the copy of a packed file was read when it was made
            self._file.bytes_read = max(self._file.bytes_read, size_bytes)

    def _unreadable(self, error: Exception, done: int) -> OperatorError:
        where = f", record {done + 1}" if done else ""
        reason = " ".join(str(error).split()).rstrip(".")
        return OperatorError(
            f"cannot read {self._file.name}{where}: {reason} (is the file whole, and"
            f" {self._kind.capitalize()}?)"
        )


def _look_at_names(kind: pa.DataType) -> None:
    """Raise UnicodeDecodeError where the name of a member or of a time zone is no text."""
    _ = kind.tz if pa.types.is_timestamp(kind) else None
    if pa.types.is_dictionary(kind):
        _look_at_names(kind.value_type)
    for index in range(kind.num_fields):
        _ = kind.field(index).name
        _look_at_names(kind.field(index).type)


def _quoted(value: pa.Scalar) -> str:
    """Return a value with bytes that are no text, as far as it can be shown."""
    known = value.as_py() if not pa.types.is_nested(value.type) else None
    text = known if isinstance(known, bytes) else json_text(value)
    return text.decode(errors="replace")[:CELL_CHARACTERS_MAX]


def _chosen(batch: pa.RecordBatch, read: Sequence[int]) -> pa.RecordBatch:
    """Return columns of a batch by their places; its rows stay without any."""
    return batch.select(list(read))
