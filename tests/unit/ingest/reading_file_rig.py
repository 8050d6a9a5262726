"""Files of readings for tests, and what was read from them."""

from collections.abc import Sequence
from pathlib import Path

from utility_ts_analytics.ingest.reading_files import ReadingRules, open_readings
from utility_ts_analytics.records.reading import Reading
from utility_ts_analytics.records.streams import STREAMS
from utility_ts_analytics.records.validation import TS_END, RowError

LINE_BYTES_MAX = 2_000
HEADER = "ts,meter_id,kwh,premise_id,kvarh"
GOOD = "2024-01-01T00:00:00Z,m-1,1.5,p-1,0.25"
GOOD_JSON = (
    b'{"ts":"2024-01-01T00:00:00Z","meter_id":"m-1","kwh":1.5,"premise_id":"p-1","kvarh":0.25}\n'
)
METER_RULES = ReadingRules.of_stream(
    STREAMS["meter_usage"], allow_negative=False, line_bytes_max=LINE_BYTES_MAX, ts_end=TS_END
)

Row = tuple[int, Reading]


def read(path: Path, rules: ReadingRules = METER_RULES) -> tuple[list[Row], list[RowError]]:
    """Return the rows by line and the errors, and check that each block's account is whole."""
    rows: list[Row] = []
    errors: list[RowError] = []
    with open_readings(path, rules) as readings:
        for decoded in readings:
            assert decoded.line_count == len(decoded.rows) + len(decoded.errors)
            rows += zip(decoded.positions, decoded.rows, strict=True)
            errors += decoded.errors
    return rows, errors


def written(tmp_path: Path, name: str, content: str | bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def csv_file(tmp_path: Path, *rows: str, end: str = "\n") -> Path:
    return written(tmp_path, "readings.csv", end.join((HEADER, *rows, "")))


def places(rows: Sequence[Row]) -> list[int]:
    return [line for line, _ in rows]


def codes(errors: Sequence[RowError]) -> list[tuple[int, str, str | None]]:
    return [(error.position, error.code, error.field) for error in errors]
