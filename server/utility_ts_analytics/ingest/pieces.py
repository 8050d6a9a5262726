"""What `load` moves: parts of an input in order, each with its rows, its refused lines, its end."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self

from msgspec import Struct

from utility_ts_analytics.buffering.block import Block, Settlement
from utility_ts_analytics.records.validation import RowError


class Place(Struct, frozen=True):
    """How far an input has been read; everything before it belongs to earlier pieces.

    Attributes:
        lines: Lines (rows, of files of columns) that were a row or refused, so far.
        next_line: Number of the line that comes next, from 1; 0 where that means nothing.
        offset: Byte of the file at which that line begins, or None where the place is found by
            reading again from the start.
    """

    lines: int = 0
    next_line: int = 1
    offset: int | None = 0


START = Place()


@dataclass(frozen=True, slots=True)
class RefusedText:
    """A line that is not stored.

    Attributes:
        error: Why, and its position.
        text: The line as it stood, newline included; empty where it was too long to keep.
    """

    error: RowError
    text: bytes


@dataclass(frozen=True, slots=True)
class Extent:
    """What the rows of a piece span.

    Attributes:
        first: Earliest `ts`.
        last: Latest `ts`.
        keys: The meters or plants that occur.
    """

    first: datetime
    last: datetime
    keys: frozenset[str]


class Piece(Protocol):
    """A part of an input: some thousand rows at most."""

    @property
    def row_count(self) -> int:
        """Rows that keep all rules, >= 0."""
        ...

    @property
    def line_count(self) -> int:
        """Rows and refused lines together."""
        ...

    @property
    def size_bytes(self) -> int:
        """Of the source that it came from."""
        ...

    @property
    def refused(self) -> Sequence[RefusedText]:
        """In the order of the input."""
        ...

    @property
    def place(self) -> Place:
        """The input's place behind it."""
        ...

    def block(self, settlement: Settlement) -> Block:
        """Hand the rows over, once; only to be asked for where there are any."""
        ...

    def text_of(self, position: int) -> bytes:
        """Return the line at `position`, for a row that the database refuses."""
        ...

    def extent(self) -> Extent | None:
        """Return what the rows span, or None without rows; not after `block`."""
        ...


class PieceSource(Protocol):
    """One open input; iterate once. A context manager that closes it."""

    @property
    def head(self) -> bytes:
        """What a file of its refused lines begins with; known from the first piece on."""
        ...

    @property
    def bytes_read(self) -> int:
        """Of the file on disk, so far."""
        ...

    @property
    def notes(self) -> Mapping[str, int]:
        """How often each rule of the mapping was applied so far."""
        ...

    def __iter__(self) -> Iterator[Piece]:
        """Yield the pieces in order.

        Raises:
            OperatorError: The input cannot be read to its end; one line that names it.
        """
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
