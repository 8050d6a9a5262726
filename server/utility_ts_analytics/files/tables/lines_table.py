"""A text file line by line: for records of several kinds, blocks, headers in the middle."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import pyarrow as pa

from utility_ts_analytics.files.tables.contract import (
    CELL_CHARACTERS_MAX,
    REC,
    RecordBlock,
    Refused,
)
from utility_ts_analytics.files.tables.text import TextFile, lines_of
from utility_ts_analytics.reading.line_errors import malformed
from utility_ts_analytics.reading.lines import LineBlock, LongLine
from utility_ts_analytics.records.validation import RowCode

_JSON: Final = {b"ARROW:extension:name": b"arrow.json", b"ARROW:extension:metadata": b""}
JSON: Final = pa.field("j", pa.string(), metadata=_JSON)
"""A column that DuckDB takes for JSON without looking at it again."""

NOT_UTF8: Final = "the text is not UTF-8"


class LinesTable:
    """`rec`, the number of the line, `line`, without its end, `gap`; blank lines are no records.

    `gap` tells whether a line between this one and the row before it was refused: where lines say
    what those below them mean, such as whose readings they are, that is not known here.

    Args:
        text: The file.
    """

    head = b""
    suffix = ""
    schema = pa.schema([REC, pa.field("line", pa.string()), pa.field("gap", pa.bool_())])

    def __init__(self, text: TextFile) -> None:
        self._text = text

    def blocks(self, notes: dict[str, int]) -> Iterator[RecordBlock]:
        """Yield the blocks; see `RecordTable`."""
        last_lost = 0  # the number of a refused line, as long as no row is behind it
        for part in self._text.parts():
            if isinstance(part, LongLine):
                last_lost = part.line
                yield long_line(part, self._text.max_line_bytes, self.schema)
                continue
            block = self._block(part, has_gap=last_lost > 0)
            yield block
            rows = block.batch.column("rec")
            last_lost = max([last_lost, *(one.rec for one in block.refused[-1:])])
            if len(rows) and rows[-1].as_py() > last_lost:
                last_lost = 0

    def _block(self, part: LineBlock, *, has_gap: bool) -> RecordBlock:
        lines = [] if part.data.isspace() else lines_of(part.data)
        kept: list[int] = []
        texts: list[str] = []
        refused: list[Refused] = []
        behind_gaps = [0] if has_gap else []
        for index, line in enumerate(lines):
            if line.isspace():
                continue
            try:
                texts.append(line.decode().rstrip("\r\n"))
                kept.append(index)
            except UnicodeDecodeError:
                number = part.first_line + index
                text = self._text.original(line)
                refused.append(refused_line(number, ("invalid-utf8", NOT_UTF8), text))
                behind_gaps.append(len(kept))
        first = part.first_line
        gaps = np.zeros(len(kept) + 1, np.bool_)
        gaps[behind_gaps] = True
        batch = pa.RecordBatch.from_arrays(
            [
                pa.array([first + index for index in kept], pa.int64()),
                pa.array(texts, pa.string()),
                pa.array(gaps[:-1]),
            ],
            schema=self.schema,
        )
        return RecordBlock(
            batch,
            refused,
            len(part.data),
            lambda i: first + kept[i],
            lambda i: self._text.original(lines[kept[i]]),
        )


class NdjsonTable:
    """`rec`, the number of the line, and `j`, one JSON value; lines that are none are refused.

    Args:
        text: The file.
    """

    head = b""
    suffix = ""
    schema = pa.schema([REC, JSON])

    def __init__(self, text: TextFile) -> None:
        self._text = text

    def blocks(self, notes: dict[str, int]) -> Iterator[RecordBlock]:
        """Yield the blocks; see `RecordTable`."""
        for part in self._text.parts():
            if isinstance(part, LongLine):
                yield long_line(part, self._text.max_line_bytes, self.schema)
            else:
                yield json_block(
                    lines_of(part.data),
                    range(part.first_line, part.first_line + part.lines),
                    self.schema,
                    size_bytes=len(part.data),
                    has_lines=True,
                )


def json_block(
    texts: Sequence[bytes],
    numbers: Sequence[int],
    schema: pa.Schema,
    *,
    size_bytes: int,
    has_lines: bool,
) -> RecordBlock:
    """Return JSON texts as records; those that are not JSON, or not UTF-8, are refused.

    Args:
        texts: Blank ones are no records.
        numbers: Of each.
        schema: `rec` and `j`.
        size_bytes: Of the file that the texts came from.
        has_lines: Whether a number is that of a line.
    """
    kept: list[int] = []
    values: list[str] = []
    refused: list[Refused] = []
    for index, text in enumerate(texts):
        if not text or text.isspace():
            continue
        fault: tuple[RowCode, str] = "invalid-utf8", NOT_UTF8
        try:
            value = text.decode()
        except UnicodeDecodeError:
            pass
        else:
            detail = malformed(text)
            if detail is None:
                kept.append(index)
                values.append(value.rstrip())
                continue
            fault = "invalid-json", detail
        refused.append(refused_line(numbers[index], fault, text, has_lines=has_lines))
    batch = pa.RecordBatch.from_arrays(
        [
            pa.array([numbers[index] for index in kept], pa.int64()),
            pa.array(values, pa.string()),
        ],
        schema=schema,
    )
    return RecordBlock(
        batch,
        refused,
        size_bytes,
        lambda i: numbers[kept[i]] if has_lines else None,
        lambda i: bytes(texts[kept[i]]),
    )


def refused_line(
    number: int, fault: tuple[RowCode, str], text: bytes, *, has_lines: bool = True
) -> Refused:
    """Return a record that is one text, as refused."""
    cell = text[: 4 * CELL_CHARACTERS_MAX].decode(errors="replace").strip()[:CELL_CHARACTERS_MAX]
    return Refused(number, number if has_lines else None, fault[0], None, fault[1], cell, text)


def long_line(part: LongLine, max_line_bytes: int, schema: pa.Schema) -> RecordBlock:
    """Return a line that is too long as a block."""
    detail = f"the line is over {max_line_bytes} bytes (max_line_bytes)"
    refused = Refused(part.line, part.line, "line-too-long", None, detail)
    return RecordBlock(empty_batch(schema), (refused,), 0, lambda _: None, lambda _: b"")


def empty_batch(schema: pa.Schema) -> pa.RecordBatch:
    """Return no rows."""
    return pa.RecordBatch.from_arrays([pa.array([], kind) for kind in schema.types], schema=schema)
