"""Files for tests of sources, and what was read from them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from utility_ts_analytics.ingest.file_kinds import FileKind
from utility_ts_analytics.ingest.mapping.load import parse_mapping
from utility_ts_analytics.ingest.mapping.model import FileMapping
from utility_ts_analytics.ingest.sources import open_source
from utility_ts_analytics.reading.lines import LineBlock, LineSplitter
from utility_ts_analytics.reading.ndjson import NdjsonDecoder
from utility_ts_analytics.records.columns import check_columns, rows_of_columns
from utility_ts_analytics.records.reading import Reading
from utility_ts_analytics.records.streams import STREAMS
from utility_ts_analytics.records.validation import TS_END, RowError

LINE_BYTES_MAX = 2_000
METER_USAGE = STREAMS["meter_usage"]

Row = tuple[int, Reading]


@dataclass(frozen=True, slots=True)
class FileRead:
    """All that a file came to.

    Attributes:
        rows: Records that keep all rules, by position.
        errors: Of reading and of the rules, by position.
        refused: Head and texts, as `load` writes them.
        notes: What the rules did.
        blocks: How many.
    """

    rows: list[Row]
    errors: list[RowError]
    refused: bytes
    notes: Mapping[str, int]
    blocks: int

    @property
    def codes(self) -> list[tuple[int, str, str | None]]:
        return [(error.position, error.code, error.field) for error in self.errors]

    @property
    def places(self) -> list[int]:
        return [position for position, _ in self.rows]

    def values(self, name: str) -> list[object]:
        return [getattr(row, name) for _, row in self.rows]


def read_file(
    path: Path,
    mapping: FileMapping | None = None,
    *,
    kind: FileKind | None = None,
    stream: str = "meter_usage",
    allow_negative: bool = False,
) -> FileRead:
    """Read a file to its end, and check that each block's account is whole."""
    spec = STREAMS[stream]
    rows: list[Row] = []
    errors: list[RowError] = []
    texts: list[bytes] = []
    blocks = 0
    with open_source(
        path, spec=spec, mapping=mapping, kind=kind, line_bytes_max=LINE_BYTES_MAX
    ) as source:
        for block in source:
            blocks += 1
            assert block.line_count == block.columns.num_rows + len(block.refused)
            assert len(block.positions) == block.columns.num_rows
            checked = check_columns(
                block.columns, spec, allow_negative=allow_negative, ts_end=TS_END
            )
            records = rows_of_columns(checked.batch, spec.type_for(allow_negative=allow_negative))
            places = [block.positions[index] for index in checked.kept.tolist()]
            rows += zip(places, records, strict=True)
            found = [(one.error, one.text) for one in block.refused]
            for broken in checked.broken:
                place = block.positions[broken.row_index]
                error = RowError(place, broken.code, broken.field, broken.detail)
                found.append((error, block.text_of(broken.row_index)))
            found.sort(key=lambda one: one[0].position)
            errors += [error for error, _ in found]
            texts += [text for _, text in found]
        notes = dict(source.notes)
        return FileRead(rows, errors, source.head + b"".join(texts), notes, blocks)


def written(tmp_path: Path, name: str, content: str | bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def meter_mapping(**tables: object) -> FileMapping:
    """Return a mapping of `meter_usage` from the columns `meter` and `value`."""
    fields = {"meter_id": "meter", "kwh": "value"}
    return parse_mapping({"stream": "meter_usage", "fields": fields, **tables})


def decoded(body: str, *, named: bool = True) -> list[Reading]:
    """Return what the server makes of a body; event ids are those of clients only, if not named."""
    decoder = NdjsonDecoder(METER_USAGE, METER_USAGE.record_type)
    splitter = LineSplitter(LINE_BYTES_MAX)
    rows: list[Reading] = []
    for part in (*splitter.feed(body.encode()), *splitter.finish()):
        assert isinstance(part, LineBlock)
        result = decoder.decode(part, ts_end=TS_END)
        assert not result.errors
        rows += result.rows
    if not named:
        for row in rows:
            row.event_id = None
    return rows
