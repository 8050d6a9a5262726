"""JSON records as pieces: decoded by the decoder that the server uses, with their texts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from utility_ts_analytics.buffering.block import Block, Settlement
from utility_ts_analytics.files.pieces import (
    CELL_CHARACTERS_MAX,
    Extent,
    Place,
    Refused,
    one_line,
)
from utility_ts_analytics.reading import wrong_formats
from utility_ts_analytics.reading.ndjson import Decoded, NdjsonDecoder
from utility_ts_analytics.reading.wrong_formats import OTHER_STREAM
from utility_ts_analytics.records.streams import STREAMS
from utility_ts_analytics.records.validation import RowError

_FORMATS: Final = {wrong_formats.CSV: "csv", wrong_formats.PARQUET: "parquet"}
"""Of files that came as NDJSON by their names, or on standard input."""
_OTHER_STREAMS: Final = {OTHER_STREAM.format(name): name for name in STREAMS}


@dataclass(frozen=True, slots=True)
class NdjsonRules:
    """How the records of every file of a load are read.

    Attributes:
        decoder: Decoder of the stream.
        key_field: Name of the field with the meter or plant of a row.
        max_line_bytes: Longest line, bytes; a longer one is refused and its text dropped.
        ts_end: First instant that is too late.
        versions: Gets every block, in order.
        refused_max: Records of one file that may be refused; 0 sets no bound.
    """

    decoder: NdjsonDecoder
    key_field: str
    max_line_bytes: int
    ts_end: datetime
    versions: Callable[[Decoded], None]
    refused_max: int


class NdjsonPiece:
    """Decoded records of one block; a `Piece`.

    Args:
        decoded: The records.
        texts: Returns the text of each position from `first` on; an empty one is not kept.
        first: The first position.
        place: The place behind them.
        key_field: Name of the field with the meter or plant of a row.
        has_lines: Whether a position is a line number, and not the index of an array element.
    """

    __slots__ = (
        "_decoded",
        "_first",
        "_has_lines",
        "_key_field",
        "_row_count",
        "_texts",
        "place",
        "refused",
    )

    def __init__(
        self,
        decoded: Decoded,
        texts: Callable[[], Sequence[bytes]],
        first: int,
        place: Place,
        key_field: str,
        *,
        has_lines: bool = True,
    ) -> None:
        self._decoded: Decoded | None = decoded
        self._texts = texts
        self._first = first
        self._has_lines = has_lines
        self._key_field = key_field
        self.place: Place | None = place
        self._row_count = decoded.row_count
        self.refused: Sequence[Refused] = ()
        if decoded.errors:
            # Cut once: to find each line by itself takes the square of their number.
            cut = texts()
            self.refused = [
                self._refused(error, cut[error.position - first]) for error in decoded.errors
            ]

    @property
    def row_count(self) -> int:
        """Rows that keep all rules."""
        return self._row_count

    @property
    def line_count(self) -> int:
        """Records that are not blank."""
        return self._row_count + len(self.refused)

    def block(self, settlement: Settlement) -> Block:
        """Return the rows as a block, once: it frees their memory when they are encoded."""
        self._check_rows()
        decoded, self._decoded = self._decoded, None
        if decoded is None:
            raise AssertionError("the rows of a piece are handed over once")
        rows = decoded.lines or decoded.rows
        return Block(rows, decoded.positions, decoded.size_bytes, settlement, decoded.days)

    def refusal(self, error: RowError) -> Refused:
        """Return the record of a row that the database refused."""
        self._check_rows()
        return self._refused(error, self._texts()[error.position - self._first])

    def extent(self) -> Extent | None:
        """Return what the rows span, where they are not encoded; a step of Python for each row."""
        if self._decoded is None or not self._decoded.rows:
            return None
        rows = self._decoded.rows
        instants = [row.ts for row in rows]
        keys = frozenset(getattr(row, self._key_field) for row in rows)
        return Extent(min(instants), max(instants), keys)

    def _check_rows(self) -> None:
        if not self._row_count:
            raise AssertionError("there is no row in this piece")

    def _refused(self, error: RowError, text: bytes) -> Refused:
        line = error.position if self._has_lines else None
        cell = _cell(text, error.field) if text else None
        whole = text if self._has_lines else one_line(text)
        detail = _advised(error) if self._has_lines else error.detail
        return Refused(error.position, line, error.code, error.field, detail, cell, whole)


def _advised(error: RowError) -> str:
    """Return the detail of an error, with the option that takes the file where that is known."""
    if error.position == 1 and error.detail in _FORMATS:
        return f"{error.detail}: say --format {_FORMATS[error.detail]}"
    other = _OTHER_STREAMS.get(error.detail.rpartition("; ")[2])
    return error.detail if other is None else f"{error.detail}: say --into {other}"


def _cell(text: bytes, field: str | None) -> str | None:
    """Return the value of a member, or the whole record where no member is at fault."""
    if field is None:
        short = text[: 4 * CELL_CHARACTERS_MAX].decode(errors="replace").strip()
        return short[:CELL_CHARACTERS_MAX]
    try:
        member = msgspec.json.decode(text, type=dict[str, msgspec.Raw]).get(field)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return None if member is None else bytes(member).decode(errors="replace")[:CELL_CHARACTERS_MAX]
