"""Reads a table to its end, and runs the mappings that come with the formats over it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pyarrow as pa

from utility_ts_analytics.files.tables.contract import BLOCK_ROWS_MAX, RecordTable, Refused
from utility_ts_analytics.files.tables.file_bytes import FileBytes

ROOT = Path(__file__).resolve().parents[3]
MAPPINGS = ROOT / "mappings"
SAMPLES = MAPPINGS / "samples"


@dataclass
class TableRead:
    """All that a table came to.

    Attributes:
        table: Its rows.
        refused: In their order.
        lines: Of each row.
        texts: Of each row, as of a file of refused records.
        notes: What was decided.
        blocks: How many.
    """

    table: pa.Table
    refused: list[Refused] = field(default_factory=list)
    lines: list[int | None] = field(default_factory=list)
    texts: list[bytes] = field(default_factory=list)
    notes: dict[str, int] = field(default_factory=dict)
    blocks: int = 0

    @property
    def rows(self) -> list[dict[str, object]]:
        found: list[dict[str, object]] = self.table.to_pylist()
        return found

    def values(self, name: str) -> list[object]:
        found: list[object] = self.table.column(name).to_pylist()
        return found

    @property
    def codes(self) -> list[tuple[int, str, str | None]]:
        return [(one.rec, one.code, one.field) for one in self.refused]


def read_table(table: RecordTable) -> TableRead:
    """Read a table to its end, and check what holds for all of them."""
    found = TableRead(table.schema.empty_table())
    batches = []
    last = 0
    for block in table.blocks(found.notes):
        assert block.batch.schema.equals(table.schema)
        assert block.batch.num_rows <= 2 * BLOCK_ROWS_MAX
        assert block.size_bytes >= 0
        recs = block.batch.column("rec").to_pylist()
        assert recs == sorted(recs)
        assert last <= min(recs, default=last)
        last = max(recs, default=last)
        numbers = [one.rec for one in block.refused]
        assert numbers == sorted(numbers)
        batches.append(block.batch)
        found.refused += block.refused
        found.lines += [block.line_of(index) for index in range(block.batch.num_rows)]
        found.texts += [block.text_of(index) for index in range(block.batch.num_rows)]
        found.blocks += 1
    found.table = pa.Table.from_batches(batches, table.schema)
    return found


def file_of(tmp_path: Path, name: str, content: str | bytes) -> FileBytes:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return FileBytes(path)


def mapped(mapping: str, call: str, rows: pa.Table) -> list[dict[str, object]]:
    """Run a mapping of `mappings/` with rows in the place of its call, such as `espi($path)`."""
    text = (MAPPINGS / mapping).read_text()
    assert text.startswith("-- ")
    assert text.count(call) == 1
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("records_of_file", rows)
        result = connection.sql(text.replace(call, "records_of_file")).to_arrow_table()
    found: list[dict[str, object]] = result.to_pylist()
    return found


def cells(rows: Sequence[dict[str, object]], *names: str) -> list[tuple[object, ...]]:
    return [tuple(row[name] for name in names) for row in rows]
