"""Blocks that are made record by record hold every record once."""

from pathlib import Path

import pyarrow as pa
import pytest
from tests.unit.files.format_rig import file_of

from utility_ts_analytics.files.tables.contract import REC, Refused
from utility_ts_analytics.files.tables.row_blocks import CountedBytes, RowBlocks

SCHEMA = pa.schema([REC, pa.field("value", pa.string())])


def test_block_hands_out_what_was_added_since_the_last_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("utility_ts_analytics.files.tables.row_blocks.BLOCK_ROWS_MAX", 3)
    blocks: RowBlocks[bytes] = RowBlocks(SCHEMA, lambda source: source + b"\n")
    assert blocks.take(0).batch.num_rows == 0
    blocks.add((1, "a"), 11, b"A")
    blocks.refuse(Refused(2, 12, "wrong-type", None, "no record"))
    assert not bool(blocks.is_full)
    blocks.add((3, None), None, b"C")
    assert blocks.is_full
    block = blocks.take(100)
    assert block.batch.to_pylist() == [{"rec": 1, "value": "a"}, {"rec": 3, "value": None}]
    assert [block.line_of(index) for index in range(2)] == [11, None]
    assert [block.text_of(index) for index in range(2)] == [b"A\n", b"C\n"]
    assert [one.rec for one in block.refused] == [2]
    assert block.size_bytes == 100
    assert blocks.take(0).batch.num_rows == 0


def test_bytes_are_counted_once(tmp_path: Path) -> None:
    counted = CountedBytes(file_of(tmp_path, "a", b"x" * 2_000_000))
    pieces = counted.chunks()
    first = next(pieces)
    assert counted.taken() == len(first)
    assert sum(map(len, pieces)) == counted.taken() == 2_000_000 - len(first)
    assert counted.taken() == 0
