"""Workbooks: what cells become as text, which rows are read, and what is refused."""

import gzip
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.unit.files.format_rig import SAMPLES, TableRead, file_of, read_table
from tests.unit.files.formats.workbook_rig import (
    DATE,
    DURATION,
    TIME,
    Cell,
    sheet_xml,
    workbook,
    workbook_of,
)

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.formats.workbook_table import WorkbookTable
from utility_ts_analytics.files.tables.file_bytes import FileBytes


def read(tmp_path: Path, content: bytes, **arguments: Any) -> TableRead:
    return read_table(WorkbookTable(file_of(tmp_path, "w.xlsx", content), **arguments))


def rows(found: TableRead) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in found.rows]


def test_sample_has_exact_half_hours() -> None:
    found = read_table(WorkbookTable(FileBytes(SAMPLES / "workbook-half-hours.xlsx"), skip=2))
    assert found.table.column_names == ["rec", "Start", "End", "kW"]
    assert rows(found) == [
        (1, "2024-03-10 00:00:00", "2024-03-10 00:30:00", "4.03"),
        (2, "2024-03-10 00:30:00", "2024-03-10 01:00:00", "0.5"),
        (3, "2024-03-10 01:00:00", "2024-03-10 01:30:00", "1"),
        (4, "Total", None, "5.53"),
    ]
    assert found.lines == [4, 5, 6, 7]
    assert found.texts[3] == b"Total,,5.53\n"
    assert found.refused == []


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (("45361.0208333", DATE), "2024-03-10 00:30:00"),
        (("45361.02083333333", DATE), "2024-03-10 00:30:00"),
        (("45361.020834", DATE), "2024-03-10 00:30:00.058"),
        (("45360.9999999", DATE), "2024-03-10 00:00:00"),
        (("45361", DATE), "2024-03-10 00:00:00"),
        (("0.5", TIME), "12:00:00"),
        (("0.0208333", TIME), "00:30:00"),
        (("1", TIME), "24:00:00"),
        (("1.5208333", DURATION), "36:30:00"),
        (("0.25", DURATION), "6:00:00"),
        (7, "7"),
        (-0.0, "0"),
        (4.03, "4.03"),
        (0.1 + 0.2, "0.30000000000000004"),
        (1e-7, "0.0000001"),
        (123456.5, "123456.5"),
        (999_999_999_999_999, "999999999999999"),
        ("00123", "00123"),
        ("a, b\nc", "a, b\nc"),
        (("", 0), None),
    ],
)
def test_cells_as_text(tmp_path: Path, cell: Cell, text: str | None) -> None:
    found = read(tmp_path, workbook(["key", "value"], ["k", cell]))
    assert rows(found) == [(1, "k", text)]


def test_numbers_that_have_lost_digits_refuse_their_row(tmp_path: Path) -> None:
    content = workbook(["id", "kWh"], ["541234567890123456", 1], [541234567890123456, 2], [1, 3])
    found = read(tmp_path, content)
    assert rows(found) == [(1, "541234567890123456", "1"), (3, "1", "3")]
    [one] = found.refused
    assert (one.rec, one.line, one.code, one.cell) == (
        2,
        3,
        "invalid-number",
        "5.41234567890123e+17",
    )
    assert one.detail.startswith("id is a number of more than 15 digits")
    assert one.text == b"5.41234567890123e+17,2\n"


def test_refused_rows_can_be_corrected_and_read_again(tmp_path: Path) -> None:
    """As CSV, by the same arguments: lines on top are gone, and there are no sheets."""
    lines: list[Sequence[Cell]] = [
        ["Report"],
        [],
        ["id", "note"],
        [541234567890123456, 'a "b", c'],
        ["x", "y"],
    ]
    content = workbook_of({"Notes": sheet_xml([["z"]]), "Export": sheet_xml(lines)})
    table = WorkbookTable(file_of(tmp_path, "w.xlsx", content), sheet="Export", skip=2)
    found = read_table(table)
    refused = table.head + found.refused[0].text + found.texts[0]
    corrected = refused.replace(b"5.41234567890123e+17", b"541234567890123456")
    again = read_table(
        WorkbookTable(file_of(tmp_path, "w.xlsx.csv", corrected), sheet="Export", skip=2)
    )
    assert again.table.schema == found.table.schema
    assert rows(again) == [(1, "541234567890123456", 'a "b", c'), (2, "x", "y")]


def test_blank_rows_are_none_and_names_are_made_whole(tmp_path: Path) -> None:
    content = workbook(["kWh", "kWh", None, "rec"], [1, 2, 3, 4], [None], [5])
    found = read(tmp_path, content)
    assert found.table.column_names == ["rec", "kWh", "kWh_1", "column2", "rec_1"]
    assert rows(found) == [(1, "1", "2", "3", "4"), (2, "5", None, None, None)]
    assert (found.lines, found.notes) == ([2, 4], {"workbook-blank-rows": 1})


def test_rows_are_counted_from_the_top_of_the_sheet(tmp_path: Path) -> None:
    content = workbook_of({"S": sheet_xml([["a"], ["x"]], first_row=4)})
    assert read(tmp_path, content, skip=3).lines == [5]
    assert read(tmp_path, content, skip=3, header=False).table.column_names == ["rec", "column0"]
    with pytest.raises(OperatorError, match="it has no header"):
        read(tmp_path, content)


def test_sheets_are_named(tmp_path: Path) -> None:
    content = workbook(["a"], ["1"], more={"Other": sheet_xml([["b"], ["2"]])})
    assert rows(read(tmp_path, content)) == [(1, "1")]
    assert rows(read(tmp_path, content, sheet="Other")) == [(1, "2")]
    with pytest.raises(OperatorError, match=r"it has no sheet 'x', but 'Export', 'Other'"):
        read(tmp_path, content, sheet="x")


def test_packed_workbook_and_one_within_a_zip_file_are_read(tmp_path: Path) -> None:
    content = workbook(["a"], [1])
    assert rows(read(tmp_path, gzip.compress(content))) == [(1, "1")]
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("w.xlsx", content)
    file = FileBytes(tmp_path / "a.zip", "w.xlsx")
    assert rows(read_table(WorkbookTable(file))) == [(1, "1")]
    file.close()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
            "an old Excel workbook (.xls), or one with a password",
        ),
        (b"PK\x03\x04" + bytes(50), "it is a zip file, but no workbook"),
        (workbook_of({}), "it has no sheet"),
        (workbook_of({"S": "<worksheet><sheetData><row r='1'><c>"}), "cannot read"),
        (workbook_of({"S": sheet_xml([])}), "it has no header"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else "",
)
def test_files_that_cannot_be_read_are_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(OperatorError) as refused:
        read(tmp_path, content)
    assert str(refused.value).startswith(f"cannot read {tmp_path / 'w.xlsx'}")
    assert reason in str(refused.value)
