"""NDJSON files for tests of pieces, and pieces as they come from one."""

from pathlib import Path

from utility_ts_analytics.buffering.block import Settlement
from utility_ts_analytics.ingest.ndjson_pieces import NdjsonFile, NdjsonRules
from utility_ts_analytics.ingest.pieces import START, Piece, Place
from utility_ts_analytics.reading.ndjson import NdjsonDecoder
from utility_ts_analytics.records.streams import STREAMS
from utility_ts_analytics.records.validation import TS_END

SPEC = STREAMS["meter_usage"]
LINE_BYTES_MAX = 300
RULES = NdjsonRules(NdjsonDecoder(SPEC, SPEC.record_type), "meter_id", LINE_BYTES_MAX, TS_END)


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


def pieces(path: Path, start: Place = START) -> list[Piece]:
    with NdjsonFile(path, RULES, start) as file:
        return list(file)


def positions(piece: Piece) -> list[int]:
    """Return the line of every row of a piece, by handing the rows over."""
    return list(piece.block(Settlement()).positions) if piece.row_count else []


def outline(parts: list[Piece]) -> list[tuple[int, str]]:
    """Return every line that is a row or refused: its number, and what it is."""
    lines: list[tuple[int, str]] = []
    for piece in parts:
        lines += [(refused.error.position, refused.error.code) for refused in piece.refused]
        lines += [(position, "row") for position in positions(piece)]
    return sorted(lines)
