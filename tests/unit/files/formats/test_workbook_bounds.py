"""Workbooks that would take more memory than there is are refused before they are read."""

import struct
from pathlib import Path

import pytest
from tests.unit.files.format_rig import SAMPLES
from tests.unit.files.formats.workbook_rig import MAIN, sheet_xml, workbook, workbook_of

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.formats import workbook_bounds
from utility_ts_analytics.files.formats.workbook_bounds import check_workbook


def checked(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "w.xlsx"
    path.write_bytes(content)
    check_workbook(path, "w.xlsx")


def test_usual_workbooks_pass(tmp_path: Path) -> None:
    check_workbook(SAMPLES / "workbook-half-hours.xlsx", "w")
    checked(tmp_path, workbook(["a"], [1]))


CELL = "<v>1</v></c>"


@pytest.mark.parametrize(
    "cells",
    [
        f'<row r="1"><c r="A1">{CELL}</row><row r="1048576"><c r="XFD1048576">{CELL}</row>',
        f"<row>{f'<c>{CELL}' * 16384}</row><row r='1048576'><c>{CELL}</row>",
    ],
    ids=["named", "counted"],
)
def test_cells_far_apart_are_refused(tmp_path: Path, cells: str) -> None:
    """The reader has a place for every cell between them: 17 thousand million."""
    xml = f'<worksheet xmlns="{MAIN}"><sheetData>{cells}</sheetData></worksheet>'
    with pytest.raises(OperatorError, match="spans 1048576 rows and 16384 columns"):
        checked(tmp_path, workbook_of({"S": xml}))


def test_cell_across_two_reads_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook_bounds, "CELLS_MAX", 3)
    for size in range(1, 40):
        monkeypatch.setattr(workbook_bounds, "_READ_BYTES", 64 + size)
        with pytest.raises(OperatorError, match="spans 2 rows and 2 columns"):
            checked(tmp_path, workbook(["a", "b"], [1, 2]))


def test_part_that_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbook_bounds, "PART_BYTES_MAX", 2_000)
    rows = [["a"]] * 100
    with pytest.raises(OperatorError, match=r"sheet1\.xml in it unpacks to \d+ bytes, over 2000"):
        checked(tmp_path, workbook_of({"S": sheet_xml(rows)}))


def test_directory_that_lies_is_found(tmp_path: Path) -> None:
    content = workbook_of({"S": sheet_xml([["a"]] * 100)})
    place = content.rindex(b"xl/worksheets/sheet1.xml") - 46
    content = content[: place + 24] + struct.pack("<I", 100) + content[place + 28 :]
    with pytest.raises(OperatorError, match="Bad CRC-32"):
        checked(tmp_path, content)
