"""Files of columns that are damaged, cut or huge: told in one line, whatever they are."""

import io
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
from tests.unit.files.format_rig import file_of, read_table
from tests.unit.files.tables.columns_rig import (
    TABLE,
    WRITERS,
    Write,
    arrow_file,
    arrow_stream,
    kind_of,
    parquet,
)

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.tables.columns_table import ColumnsTable
from utility_ts_analytics.files.tables.contract import BLOCK_ROWS_MAX
from utility_ts_analytics.files.tables.file_bytes import FileBytes


@pytest.mark.parametrize("write", WRITERS)
def test_cut_empty_and_foreign_files_are_told(tmp_path: Path, write: Write) -> None:
    whole = write(TABLE, 2)
    for content in (whole[:-20], whole[: len(whole) // 2], b"", b"ts,meter_id,kwh\n" * 9):
        if write is arrow_stream and content == whole[:-20]:
            continue
        file = file_of(tmp_path, "bad", content)
        with pytest.raises(OperatorError, match=r"is the file whole") as told:
            read_table(ColumnsTable(file, kind_of(write)))
        assert str(told.value).startswith(f"cannot read {tmp_path / 'bad'}")
        assert "\n" not in str(told.value)


def test_any_changed_byte_is_told_or_read(tmp_path: Path) -> None:
    """In a process of its own: what was not checked would end it."""
    for name, write in (("parquet", parquet), ("arrow", arrow_file), ("arrow", arrow_stream)):
        path = tmp_path / write.__name__
        path.write_bytes(write(TABLE, 2))
        script = (
            "import sys, pathlib\n"
            "from utility_ts_analytics.errors import OperatorError\n"
            "from utility_ts_analytics.files.tables.columns_table import ColumnsTable\n"
            "from utility_ts_analytics.files.tables.file_bytes import FileBytes\n"
            "whole = pathlib.Path(sys.argv[1]).read_bytes()\n"
            "bad = pathlib.Path(sys.argv[1] + '.bad')\n"
            "for place in range(0, len(whole), 3):\n"
            "    for mask in (0xFF, 0x01):\n"
            "        data = bytearray(whole)\n"
            "        data[place] ^= mask\n"
            "        bad.write_bytes(data)\n"
            "        try:\n"
            "            table = ColumnsTable(FileBytes(bad), sys.argv[2])\n"
            "            for block in table.blocks({}):\n"
            "                block.batch.validate(full=True)\n"
            "                [block.text_of(i) for i in range(block.batch.num_rows)]\n"
            "        except OperatorError:\n"
            "            pass\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", script, str(path), name], capture_output=True, check=False
        )
        assert (done.returncode, done.stderr.decode()[-2_000:]) == (0, "")


def test_column_whose_name_is_not_utf8_is_told(tmp_path: Path) -> None:
    content = arrow_file(TABLE).replace(b"quality_flag", b"quality\xfff_ag")
    with pytest.raises(OperatorError, match=r"named: the name of a column, or within one, is"):
        ColumnsTable(file_of(tmp_path, "named", content), "arrow")


def test_file_that_breaks_in_the_middle_gives_what_comes_before_and_says_where(
    tmp_path: Path,
) -> None:
    count = BLOCK_ROWS_MAX + 100
    content = bytearray(parquet(pa.table({"n": range(count)}), BLOCK_ROWS_MAX))
    start = pa.parquet.ParquetFile(io.BytesIO(content)).metadata.row_group(1).column(0)
    content[start.dictionary_page_offset or start.data_page_offset] ^= 0xFF
    blocks = ColumnsTable(file_of(tmp_path, "torn", bytes(content)), "parquet").blocks({})
    assert next(blocks).batch.num_rows == BLOCK_ROWS_MAX
    with pytest.raises(OperatorError, match=rf"torn, record {BLOCK_ROWS_MAX + 1}: "):
        next(blocks)


def test_mapped_file_that_shrinks_is_told(tmp_path: Path) -> None:
    content = arrow_file(pa.table({"n": range(10 * BLOCK_ROWS_MAX)}), 10 * BLOCK_ROWS_MAX)
    file = file_of(tmp_path, "r.arrow", content)
    blocks = ColumnsTable(file, "arrow").blocks({})
    next(blocks)
    with file.path.open("r+b") as shrunk:
        shrunk.truncate(5_000)
    with pytest.raises(OperatorError, match="it was cut while it was read"):
        next(blocks)


def test_file_that_goes_is_told(tmp_path: Path) -> None:
    file = file_of(tmp_path, "r.parquet", parquet(TABLE))
    table = ColumnsTable(file, "parquet")
    file.path.unlink()
    with pytest.raises(OperatorError, match="cannot read "):
        next(table.blocks({}))
    with pytest.raises(OperatorError, match="cannot read "):
        ColumnsTable(FileBytes(tmp_path / "none"), "arrow")


def test_row_group_of_any_size_takes_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "r.parquet"
    count = 3_000_000
    table = pa.table({"n": range(count), "s": [f"meter-{n:012}" for n in range(count)]})
    pa.parquet.write_table(table, path, row_group_size=count, use_dictionary=False)
    del table
    script = (
        "import sys, pathlib, resource\n"
        "from utility_ts_analytics.files.tables.columns_table import ColumnsTable\n"
        "from utility_ts_analytics.files.tables.file_bytes import FileBytes\n"
        "table = ColumnsTable(FileBytes(pathlib.Path(sys.argv[1])), 'parquet')\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "rows = sum(block.batch.num_rows for block in table.blocks({}))\n"
        "print(rows, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, check=True, text=True
    )
    rows, grown_mib = map(int, done.stdout.split())
    assert rows == count
    assert grown_mib < 60
