"""Whatever a file of separated text holds, a pass over it takes bounded memory and linear time."""

import time
import tracemalloc
from pathlib import Path

import pytest
from tests.unit.files.format_rig import file_of, read_table

from utility_ts_analytics.files.tables.contract import BLOCK_BYTES_MAX, BLOCK_ROWS_MAX
from utility_ts_analytics.files.tables.csv_table import CsvRules, CsvTable

LINE_BYTES_MAX = 100_000
MIB = 1_048_576


def table_of(tmp_path: Path, content: bytes, **rules: object) -> CsvTable:
    file = file_of(tmp_path, "r.csv", content)
    return CsvTable(file, CsvRules(**rules), LINE_BYTES_MAX)  # type: ignore[arg-type]


FLOODS = {
    "short": b"1\n",
    "surplus": b"1,2,3\n",
    "not-utf8": b"1,\xff\n",
    "open-quote": b'1,"2\n',
    "quotes-that-double": b'1,"""2\n',
    "text-behind-quote": b'"1"x,2\n',
    "blank": b"\n1\n",
}


@pytest.mark.parametrize("line", FLOODS.values(), ids=FLOODS)
def test_flood_of_broken_records_takes_time_as_they_are_many(tmp_path: Path, line: bytes) -> None:
    count = 100_000
    table = table_of(tmp_path, b"a,b\n" + line * count)
    started, refused, good = time.process_time(), 0, 0
    for block in table.blocks({}):
        assert len(block.refused) <= BLOCK_ROWS_MAX
        refused += len(block.refused)
        good += block.batch.num_rows
    # Three lines of one quote each may be one record and a broken one.
    assert refused + good >= count // 2
    assert time.process_time() - started < 8, "4 to 30 us per record are usual"


def test_one_quote_that_is_never_closed_takes_no_other_record(tmp_path: Path) -> None:
    lines = b"".join(b"%d,x\n" % number for number in range(100_000))
    found = read_table(table_of(tmp_path, b'a,b\n0,"x\n' + lines + b'0,"x\n'))
    assert found.codes == [(1, "wrong-type", None), (100_002, "wrong-type", None)]
    assert found.values("a") == [str(number) for number in range(100_000)]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_blank_lines_take_neither_time_nor_memory(tmp_path: Path, end: bytes) -> None:
    count = 10 * MIB // len(end)
    table = table_of(tmp_path, b"a,b" + end * count + b"1,2" + end)
    started = time.process_time()
    tracemalloc.start()
    try:
        found = [row for block in table.blocks({}) for row in block.batch.to_pylist()]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found == [{"rec": 1, "a": "1", "b": "2"}]
    assert peak < 24 * MIB
    assert time.process_time() - started < 5


def test_blocks_are_bounded_in_bytes_and_rows(tmp_path: Path) -> None:
    wide = b"1,%s\n" % (b"x" * 50_000)
    for block in table_of(tmp_path, b"a,b\n" + wide * 100).blocks({}):
        assert block.size_bytes <= BLOCK_BYTES_MAX
    total = 0
    content = b"a,b\n" + b"1,2\n" * 100_000 + b'1,"\n2"\n' * 50_000
    for block in table_of(tmp_path, content).blocks({}):
        assert block.batch.num_rows <= BLOCK_ROWS_MAX
        total += block.size_bytes
    assert total == len(content) - len(b"a,b\n")


def test_refused_records_of_a_block_do_not_hold_the_file(tmp_path: Path) -> None:
    table = table_of(tmp_path, b"a,b\n" + b"no cells, but text, of some length\n" * 50_000)
    tracemalloc.start()
    try:
        count = sum(len(block.refused) for block in table.blocks({}))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 50_000
    assert peak < 16 * MIB


def test_cells_of_another_number_are_still_read_at_once(tmp_path: Path) -> None:
    """The first record, and every other block, may have empty cells behind the last column."""
    lines = b"1,2\n" + b"1,2,\n" * 40_000 + b"1,2\n" * 40_000
    found = read_table(table_of(tmp_path, b"a,b\n" + lines))
    assert (len(found.rows), found.refused) == (80_001, [])
    assert found.blocks < 60
