"""NDJSON files for tests of pieces, and pieces as they come from one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from utility_ts_analytics.buffering.block import Block, Settlement
from utility_ts_analytics.files.pieces import START, Extent, Piece, Place, Refused
from utility_ts_analytics.files.sources.ndjson_files import NdjsonFile
from utility_ts_analytics.files.sources.ndjson_pieces import NdjsonRules
from utility_ts_analytics.files.sources.stream_bytes import STDIN, StreamBytes
from utility_ts_analytics.files.tables.file_bytes import FileBytes
from utility_ts_analytics.reading.ndjson import Decoded, NdjsonDecoder
from utility_ts_analytics.records.streams import STREAMS
from utility_ts_analytics.records.validation import TS_END, RowError

SPEC = STREAMS["meter_usage"]
LINE_BYTES_MAX = 300
RULES = NdjsonRules(
    NdjsonDecoder(SPEC, SPEC.record_type),
    "meter_id",
    LINE_BYTES_MAX,
    TS_END,
    versions=lambda decoded: None,
    refused_max=0,
)


def rules(
    versions: Callable[[Decoded], None] = RULES.versions,
    refused_max: int = 0,
    ts_end: datetime = TS_END,
) -> NdjsonRules:
    return replace(RULES, versions=versions, refused_max=refused_max, ts_end=ts_end)


def line(number: int, kwh: float | str = 1.5) -> bytes:
    """Return a reading whose minute is its number."""
    day, minute = divmod(number, 1440)
    ts = f"2024-01-{1 + day:02}T{minute // 60:02}:{minute % 60:02}:00Z"
    return b'{"ts":"%s","meter_id":"m-%d","kwh":%s}\n' % (
        ts.encode(),
        number % 7,
        str(kwh).encode(),
    )


def written(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def opened(path: Path, start: Place = START, rules: NdjsonRules = RULES) -> NdjsonFile:
    return NdjsonFile(StreamBytes(path) if path == STDIN else FileBytes(path), rules, start)


def pieces(path: Path, start: Place = START) -> list[Piece]:
    with opened(path, start) as file:
        return list(file)


def place_of(piece: Piece) -> Place:
    """Return the place of a piece that has one."""
    assert piece.place is not None
    return piece.place


def positions(piece: Piece) -> list[int]:
    """Return the line of every row of a piece, by handing the rows over."""
    return list(piece.block(Settlement()).positions) if piece.row_count else []


def outline(parts: Sequence[Piece]) -> list[tuple[int, str]]:
    """Return every line that is a row or refused: its number, and what it is."""
    lines: list[tuple[int, str]] = []
    for piece in parts:
        lines += [(refused.rec, refused.code) for refused in piece.refused]
        lines += [(position, "row") for position in positions(piece)]
    return sorted(lines)


@dataclass
class MadePiece:
    """A piece of so many rows, as a test wants it."""

    row_count: int
    refused: Sequence[Refused]
    place: Place | None

    @property
    def line_count(self) -> int:
        return self.row_count + len(self.refused)

    def block(self, settlement: Settlement) -> Block:
        raise AssertionError("no test hands these over")

    def refusal(self, error: RowError) -> Refused:
        return Refused(error.position, error.position, error.code, error.field, error.detail)

    def extent(self) -> Extent | None:
        return None
