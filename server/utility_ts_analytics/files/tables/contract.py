"""What a table of records hands out, whatever kind of file it is."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from utility_ts_analytics.files.pieces import CELL_CHARACTERS_MAX, Refused
from utility_ts_analytics.records.encoded import EncodedLines

__all__ = [
    "BLOCK_BYTES_MAX",
    "BLOCK_ROWS_MAX",
    "CELL_CHARACTERS_MAX",
    "REC",
    "EncodedRows",
    "RecordBlock",
    "RecordTable",
    "Refused",
]

BLOCK_BYTES_MAX = 1_048_576
"""Text of one block, bytes, unless one record is longer: about 8,000 records of 130 bytes."""

BLOCK_ROWS_MAX = 16_384
"""Records of one block."""

REC = pa.field("rec", pa.int64(), nullable=False)
"""First column of every table: the number of the record in its file, rising."""


@dataclass(frozen=True, slots=True)
class EncodedRows:
    """Records of a block that were read, checked and encoded at once.

    Attributes:
        lines: The rows, with versions; at least one.
        days: Days of the rows (`records.days`).
        recs: Number of the record of each.
        first: Number of the first record of the block; the others follow it without a gap.
    """

    lines: EncodedLines
    days: frozenset[int]
    recs: npt.NDArray[np.int64]
    first: int


@dataclass(frozen=True, slots=True)
class RecordBlock:
    """What one block of a file came to. Every record of it is in `batch`, `refused` or `encoded`.

    Attributes:
        batch: Of the table's schema; `rec` rises. May be empty.
        refused: Records that cannot be read, `rec` rising.
        size_bytes: Of the file that all this came from, unpacked, >= 0.
        line_of: Returns the line on which a record begins; None where there are no lines. Takes the
            index of its row in `batch`, or of the record in a block with `encoded`.
        text_of: Returns a record as it stood in the file, newline included; takes the same. Valid
            as long as the block is.
        encoded: The rows that are not in `batch` for that reason.
    """

    batch: pa.RecordBatch
    refused: Sequence[Refused]
    size_bytes: int
    line_of: Callable[[int], int | None]
    text_of: Callable[[int], bytes]
    encoded: EncodedRows | None = None


class RecordTable(Protocol):
    """One file as a table. Holds no state of a pass: it may be read several times."""

    @property
    def schema(self) -> pa.Schema:
        """`rec` first, then the columns of the file."""
        ...

    @property
    def head(self) -> bytes:
        """What a file of its refused records begins with, such as the header of a CSV file."""
        ...

    @property
    def suffix(self) -> str:
        """What is put behind the name of that file: empty where it is of the input's own kind."""
        ...

    def blocks(self, notes: dict[str, int]) -> Iterator[RecordBlock]:
        """Yield the blocks in order, from the start of the file.

        Args:
            notes: Gets how often something of this kind of file was decided or left out.

        Raises:
            OperatorError: The file cannot be read on; names file, record and reason. The blocks
                before it have been handed out.
        """
        ...
