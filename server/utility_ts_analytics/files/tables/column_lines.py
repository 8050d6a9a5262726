"""Rows of a file of columns as NDJSON, under a line with their schema, and such a file read again.

This is what is kept of refused records of Parquet and Arrow: lines that can be corrected by hand
and then have the types that the columns had, so that they pass the same mapping.
"""

import base64
import binascii
import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final

import msgspec
import pyarrow as pa

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.tables.column_values import json_value, value_of
from utility_ts_analytics.files.tables.contract import REC, RecordBlock, Refused
from utility_ts_analytics.files.tables.file_bytes import FileBytes
from utility_ts_analytics.files.tables.lines_table import NOT_UTF8, long_line, refused_line
from utility_ts_analytics.files.tables.text import TextFile, lines_of
from utility_ts_analytics.reading.line_errors import malformed
from utility_ts_analytics.reading.lines import LineBlock, LongLine
from utility_ts_analytics.records.validation import RowCode

SCHEMA_KEY: Final = "arrow_schema"
_LINE_BYTES_MAX: Final = 16_777_216
_encode: Final = msgspec.json.Encoder(decimal_format="number").encode


def schema_line(fields: Sequence[pa.Field]) -> bytes:
    """Return the first line of a file of rows with these columns."""
    text = base64.b64encode(pa.schema(fields).serialize().to_pybytes()).decode()
    return _encode({SCHEMA_KEY: text}) + b"\n"


def is_lines(head: bytes) -> bool:
    """Tell whether a file begins with a schema; its first 64 bytes tell."""
    return head.lstrip().startswith(b'{"%b"' % SCHEMA_KEY.encode())


def json_text(value: pa.Scalar) -> bytes:
    """Return one value as JSON; with bytes that are no UTF-8 where it has such."""
    return _encode(json_value(value.type, value))


class JsonLines:
    """Rows of a batch as lines of NDJSON, each made when it is asked for.

    Args:
        batch: Texts that are not UTF-8 are columns of bytes.
    """

    def __init__(self, batch: pa.RecordBatch) -> None:
        self._batch = batch

    def __call__(self, index: int) -> bytes:
        """Return a row with its line end."""
        row = {
            name: json_value(column.type, column[index])
            for name, column in zip(self._batch.schema.names, self._batch.columns, strict=True)
        }
        return _encode(row) + b"\n"


class ColumnLines:
    """A file of such rows; each is refused by itself where it does not fit its columns.

    Args:
        file: Its bytes.

    Attributes:
        fields: The columns.

    Raises:
        OperatorError: Its first line is no schema.
    """

    def __init__(self, file: FileBytes) -> None:
        self._text = TextFile(file, "utf-8", _LINE_BYTES_MAX)
        part = next(self._text.parts())
        first = b"" if isinstance(part, LongLine) else lines_of(part.data)[0]
        try:
            schema = pa.ipc.read_schema(
                pa.py_buffer(base64.b64decode(json.loads(first)[SCHEMA_KEY]))
            )
        except (ValueError, KeyError, TypeError, pa.ArrowException, binascii.Error) as error:
            raise OperatorError(
                f"cannot read {file.name}, line 1: it must be the schema of a file of refused rows,"
                " as it was written"
            ) from error
        self.fields: list[pa.Field] = list(schema)

    def blocks(self, read: Sequence[int], schema: pa.Schema) -> Iterator[RecordBlock]:
        """Yield the rows; `rec` is the number of the line behind the first one.

        Args:
            read: Indices of the columns to return; the others are NULL.
            schema: `rec` and the fields.
        """
        for part in self._text.parts():
            if isinstance(part, LongLine):
                yield long_line(part, _LINE_BYTES_MAX, schema)
            else:
                yield self._block(part, read, schema)

    def _block(self, part: LineBlock, read: Sequence[int], schema: pa.Schema) -> RecordBlock:
        lines = lines_of(part.data)
        kept: list[int] = []
        rows: list[list[object]] = []
        refused: list[Refused] = []
        for index, line in enumerate(lines):
            number = part.first_line + index
            if number == 1 or line.isspace():
                continue
            row = self._row(line, read)
            if isinstance(row, list):
                kept.append(index)
                rows.append(row)
            else:
                one = refused_line(number - 1, row, line)
                refused.append(Refused(one.rec, number, one.code, None, one.detail, one.cell, line))
        recs = [part.first_line + index - 1 for index in kept]
        arrays: list[pa.Array] = [pa.nulls(len(rows), kind) for kind in schema.types[1:]]
        for place, index in enumerate(read):
            arrays[index] = pa.array([row[place] for row in rows], self.fields[index].type)
        batch = pa.RecordBatch.from_arrays([pa.array(recs, REC.type), *arrays], schema=schema)
        return RecordBlock(
            batch,
            refused,
            len(part.data),
            lambda i: part.first_line + kept[i],
            lambda i: lines[kept[i]],
        )

    def _row(self, line: bytes, read: Sequence[int]) -> list[object] | tuple[RowCode, str]:
        """Return the values of a line, or what is wrong with it."""
        detail = malformed(line)
        if detail is not None:
            return "invalid-json", detail
        row = json.loads(line.decode(errors="surrogateescape"), parse_float=Decimal)
        if not isinstance(row, dict):
            return "wrong-type", "a row must be a JSON object"
        names = [field.name for field in self.fields]
        unknown = next((name for name in row if name not in names), None)
        if unknown is not None:
            return "wrong-type", f"there is no column {unknown!r}"
        values: list[object] = []
        for index in read:
            field = self.fields[index]
            try:
                value = value_of(field.type, row.get(field.name))
                # Whether it fits, such as 300 into 8 bits; a text that is not UTF-8 does not.
                pa.array([value], field.type)
            except UnicodeEncodeError:
                return "invalid-utf8", f"{NOT_UTF8}: that of column {field.name}"
            except (ValueError, TypeError, ArithmeticError, pa.ArrowException) as error:
                reason = " ".join(str(error).split())
                return "wrong-type", f"column {field.name}, which is {field.type}: {reason}"
            values.append(value)
        return values
