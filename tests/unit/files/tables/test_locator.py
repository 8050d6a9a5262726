"""Records are found again by their numbers, in any order."""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pytest
from tests.unit.files.format_rig import file_of

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.tables.contract import REC, RecordBlock, Refused
from utility_ts_analytics.files.tables.csv_table import CsvRules, CsvTable
from utility_ts_analytics.files.tables.locator import NOWHERE, Located, Locator


class ScriptedTable:
    """Hands out blocks of numbers; negative ones are refused. Counts its passes."""

    head = b""
    suffix = ""
    schema = pa.schema([REC, pa.field("x", pa.timestamp("ns"))])

    def __init__(self, *blocks: Sequence[int], failure: OperatorError | None = None) -> None:
        self._blocks = blocks
        self._failure = failure
        self.passes = 0
        self.opened = 0

    def open(self) -> "ScriptedTable":
        self.opened += 1
        return self

    def blocks(self, notes: dict[str, int]) -> Iterator[RecordBlock]:
        self.passes += 1
        for numbers in self._blocks:
            yield self._block(numbers)
        if self._failure is not None:
            raise self._failure

    def _block(self, numbers: Sequence[int]) -> RecordBlock:
        good = [number for number in numbers if number > 0]
        batch = pa.record_batch(
            [pa.array(good, pa.int64()), pa.array(good, pa.timestamp("ns"))], schema=self.schema
        )
        refused = [
            Refused(-number, -number + 1, "wrong-type", None, "", None, b"bad\n")
            for number in numbers
            if number < 0
        ]
        return RecordBlock(
            batch, refused, 0, lambda i: good[i] + 1, lambda i: f"{good[i]}\n".encode()
        )


def test_records_are_found_in_any_order(tmp_path: Path) -> None:
    lines = [b"a,b\n"] + [
        b"short\n" if number % 7 == 0 else b'%d,"x\n%d"\n' % (number, number)
        for number in range(1, 20_001)
    ]
    file = file_of(tmp_path, "r.csv", b"".join(lines))
    locator = Locator(lambda: CsvTable(file, CsvRules(), 1_000))
    numbers = list(range(1, 20_001, 997))
    random.Random(5).shuffle(numbers)  # noqa: S311  the same ones each time
    for number in [1, 2, 1, *sorted(numbers), *numbers[:6], 20_000, 20_001, 0]:
        found = locator.find(number)
        if not 0 < number <= 20_000:
            assert found == NOWHERE
            continue
        before = number - 1
        assert found.line == 2 + 2 * before - before // 7
        assert found.text == lines[number]
        expected = {"a": str(number), "b": f"x\n{number}"} if number % 7 else {}
        assert found.cells == expected


def test_records_in_order_take_one_pass_and_the_table_is_opened_once() -> None:
    table = ScriptedTable([1, -2, 3], [], [-5, 6], [-8])
    locator = Locator(table.open)
    assert (table.opened, table.passes) == (0, 0)
    assert [locator.find(number).text for number in (1, 2, 3, 5, 6, 8)] == [
        *(b"1\n", b"bad\n", b"3\n", b"bad\n", b"6\n", b"bad\n")
    ]
    assert (table.opened, table.passes) == (1, 1)
    assert locator.find(2) == Located(3, b"bad\n")
    assert (table.opened, table.passes) == (1, 2)


def test_numbers_that_no_record_has_take_no_pass_each() -> None:
    table = ScriptedTable([1], [5])
    locator = Locator(table.open)
    assert [locator.find(number) for number in (3, 9, 10, 11, 9)] == [NOWHERE] * 5
    assert table.passes == 1
    assert locator.find(5).line == 6
    assert table.passes == 2


def test_one_of_the_rows_of_a_record_is_found() -> None:
    table = ScriptedTable([1, 2, 2], [2, 2, 3])
    locator = Locator(table.open)
    assert [locator.find(number).text for number in (2, 3, 2, 1)] == [
        *(b"2\n", b"3\n", b"2\n", b"1\n")
    ]


def test_cells_are_what_the_columns_hold_also_where_python_has_no_such_value() -> None:
    locator = Locator(ScriptedTable([1_001]).open)
    assert locator.find(1_001).cells == {"x": "1970-01-01 00:00:00.000001001"}
    batch = pa.record_batch(
        {
            "rec": [1],
            "far": pa.array([2**62], pa.timestamp("us", "UTC")),
            "twice": pa.StructArray.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]),
            "blank": [" "],
            "none": pa.nulls(1),
        }
    )

    class Odd(ScriptedTable):
        def blocks(self, notes: dict[str, int]) -> Iterator[RecordBlock]:
            yield RecordBlock(batch, (), 0, lambda _: None, lambda _: b"")

    cells = Locator(Odd().open).find(1).cells
    assert set(cells) == {"far", "twice"}
    assert all(cells.values())


def test_file_that_breaks_is_told_each_time_and_what_is_before_is_found() -> None:
    locator = Locator(ScriptedTable([1, 2], failure=OperatorError("broken")).open)
    for _ in range(2):
        with pytest.raises(OperatorError, match="broken"):
            locator.find(3)
        assert locator.find(2).text == b"2\n"
