"""The contract between inputs and `load`: a source yields pieces, which have rows and refusals.

Every kind of input becomes a `PieceSource` (`files.sources`); `files.pipeline` hands the rows of
its pieces over to the lane, and `files.books` enters what became of them.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Final, Protocol, Self, TypeVar

import msgspec
from msgspec import Struct

from utility_ts_analytics.buffering.block import Block, Settlement
from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.reading.line_errors import malformed
from utility_ts_analytics.records.validation import RowCode, RowError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Numbers = Sequence[int] | npt.NDArray[np.int64]
    """Numbers of records, from 1, one for each row of a batch."""

_RowsT = TypeVar("_RowsT")

Versions = Callable[[_RowsT, "Numbers"], None]
"""Gets every batch of rows that keep the rules, in order, with the numbers of their records."""


class Place(Struct, frozen=True):
    """How far an input has been read; everything before it belongs to earlier pieces.

    Attributes:
        lines: Rows and refused records before the place, >= 0.
        next_line: Number of the line, or record, that comes next, from 1.
        offset: Byte of the file at which that line begins; None where the place is found by
            reading again from the start.
    """

    lines: int = 0
    next_line: int = 1
    offset: int | None = 0


START = Place()

CELL_CHARACTERS_MAX: Final = 256
"""Characters of the text at fault that are quoted."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that is not stored: what HTTP answers (`RowError`), and where it stands in the file.

    Attributes:
        rec: Its number in the file, from 1; that of its line where each line is a record.
        line: The line of the file on which it begins, from 1; None where the file has no lines.
        code: The code of the HTTP answer for the same fault.
        field: The stream's field at fault; None where the whole record is.
        detail: One short sentence, without a value of the record.
        cell: The text at fault in the file, at most 256 characters; None where nothing can be
            quoted.
        text: The record as it stands in the file, newline included; empty where it is too long to
            keep, or an earlier refusal of the same record has it.
    """

    rec: int
    line: int | None
    code: RowCode
    field: str | None
    detail: str
    cell: str | None = None
    text: bytes = b""

    def facts(self) -> dict[str, object]:
        """Return what `--json` and the files of reasons tell of it, ready for JSON."""
        return {
            "record": self.rec,
            "line": self.line,
            "code": self.code,
            "field": self.field,
            "detail": self.detail,
            "text": self.cell,
        }


class ErrorBudget:
    """Bounds the refused records of one file; reading stops beyond the bound.

    Args:
        refused_max: The bound; 0 sets none.
    """

    def __init__(self, refused_max: int) -> None:
        self._max = refused_max
        self._taken = 0

    def check(self, waiting: int) -> None:
        """Check the bound, with `waiting` refused records that are not yet counted.

        Raises:
            OperatorError: There are too many.
        """
        if self._max and self._taken + waiting > self._max:
            raise OperatorError(
                f"stopped: more than {self._max:,} records are refused; see the first of them, or"
                " give another bound with --max-refused (0: none)"
            )

    def allowed(self, count: int) -> int:
        """Return how many of `count` more refused records are within the bound."""
        return min(count, self._max - self._taken) if self._max else count

    def take(self, count: int) -> None:
        """Count refused records.

        Raises:
            OperatorError: There are too many.
        """
        self.check(count)
        self._taken += count


@dataclass(frozen=True, slots=True)
class Extent:
    """What the rows of a piece span.

    Attributes:
        first: Earliest `ts`.
        last: Latest `ts`.
        keys: Ids of the meters or plants that occur.
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
        """Rows and refused records together."""
        ...

    @property
    def refused(self) -> Sequence[Refused]:
        """Refused records, in the order of the input."""
        ...

    @property
    def place(self) -> Place | None:
        """The place in the input behind this piece; None where reading cannot continue there."""
        ...

    def block(self, settlement: Settlement) -> Block:
        """Return the rows as a block, once; only where there are any."""
        ...

    def refusal(self, error: RowError) -> Refused:
        """Return the record of a row that the database refused; `error.position` is its `rec`."""
        ...

    def extent(self) -> Extent | None:
        """Return what the rows span, or None without rows; not after `block`."""
        ...


class PieceSource(ABC):
    """One open input, as `load` reads it, whatever its kind. A context manager that closes it.

    It is iterated once, in one thread; only `interrupt` is called from another one.
    """

    def __init__(self) -> None:
        self._stack = ExitStack()
        """Closes what the source has opened when the `with` block ends."""

    @property
    def head(self) -> bytes:
        """What a file of its refused records begins with; known from the first piece on."""
        return b""

    @property
    @abstractmethod
    def bytes_read(self) -> int:
        """Bytes read so far of the file on disk."""

    @property
    def notes(self) -> Mapping[str, int]:
        """What was decided or left out so far, and how often."""
        return MappingProxyType({})

    @property
    def order_known(self) -> bool:
        """Whether rows come in the order of the file, or in one that a mapping asks for.

        Known at the end.
        """
        return True

    @property
    def resumable(self) -> bool:
        """Whether pieces have places, so that a later run can continue behind one."""
        return True

    @property
    def rereads(self) -> bool:
        """Whether the part before its place is read again, its versions included."""
        return True

    @abstractmethod
    def interrupt(self) -> None:
        """End the iteration soon; called from another thread."""

    @abstractmethod
    def __iter__(self) -> Iterator[Piece]:
        """Yield the pieces in order.

        Raises:
            OperatorError: The input cannot be read to its end; one line that names it.
        """

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()


def add_note(notes: dict[str, int], name: str, count: int = 1) -> None:
    """Count a note of a source (`PieceSource.notes`) `count` times more; 0 leaves no trace."""
    if count:
        notes[name] = notes.get(name, 0) + count


def one_line(text: bytes) -> bytes:
    """Return a JSON text without line ends between its parts, and one behind it."""
    if malformed(text) is None:
        return msgspec.json.format(text, indent=-1) + b"\n"
    return text.replace(b"\r", b" ").replace(b"\n", b" ") + b"\n"
