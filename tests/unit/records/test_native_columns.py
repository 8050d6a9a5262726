"""Compiled code reads no byte outside of the buffers that it is given: wrong ones are refused."""

import subprocess
import sys
import threading
from array import array
from collections.abc import Sequence
from typing import Any

import pytest

from utility_ts_analytics.records import native

pytestmark = pytest.mark.skipif(
    native.column_lines is None, reason="installed without the compiled module"
)

TS = 1_767_225_600_000_000


def longs(*values: int) -> bytes:
    return array("q", values).tobytes()


def ints(*values: int) -> bytes:
    return array("i", values).tobytes()


def doubles(*values: float) -> bytes:
    return array("d", values).tobytes()


STAMPS = ("ts", "t", 0, None, longs(TS, TS + 1), None)
IDS = ("event_id", "s", 0, None, None, None)
METERS = ("meter_id", "s", 0, None, ints(0, 1, 3), b"abc")
KWH = ("kwh", "d", 0, None, doubles(1.0, 2.0), None)


def column_bytes(
    columns: Any, row_count: Any, table: Any = b"t", seed: Any = 1
) -> tuple[bytes, bytes]:
    assert native.column_lines is not None
    return native.column_lines(columns, row_count, table, seed)


def column_lines(
    columns: Any, row_count: Any = 2, table: Any = b"t", seed: Any = 1
) -> tuple[list[bytes], list[int]]:
    lines, packed = column_bytes(columns, row_count, table, seed)
    ends = memoryview(packed).cast("q").tolist()
    starts = [0, *ends]
    return [lines[start:end] for start, end in zip(starts, ends, strict=False)], ends


def lines_with(column: tuple[object, ...], row_count: int = 2) -> list[bytes]:
    return column_lines([STAMPS, IDS, column], row_count)[0]


def test_each_row_has_a_line_and_its_end() -> None:
    lines, ends = column_lines([STAMPS, IDS, METERS, KWH])
    assert [line.split(b'"')[3] for line in lines] == [b"a", b"bc"]
    assert lines[1].endswith(b" 1767225600000001t\n")
    assert ends == [len(lines[0]), len(lines[0]) + len(lines[1])]


def test_no_rows_are_no_lines() -> None:
    nothing = [("ts", "t", 0, None, b"", None), IDS, ("meter_id", "s", 0, None, b"", None)]
    assert column_lines(nothing, 0) == ([], [])
    assert column_lines([("ts", "t", 0, None, None, None), IDS], 0) == ([], [])


def test_bits_and_places_are_counted_from_the_offset() -> None:
    texts = ("meter_id", "s", 9, b"\xff\x05", ints(*[7] * 9, 0, 1, 2, 3), b"abcdefg")
    stamps = ("ts", "t", 1, None, longs(0, TS, TS, TS), None)
    lines, _ = column_lines([stamps, IDS, texts], 3)
    assert [b"meter_id" in line for line in lines] == [False, True, False]
    assert b'meter_id="b"' in lines[1]


@pytest.mark.parametrize(
    "column",
    [
        ("kwh", "d", 0, None, doubles(1.0), None),
        ("kwh", "d", 0, None, doubles(1.0, 2.0)[:-1], None),
        ("kwh", "d", 1, None, doubles(1.0, 2.0), None),
        ("kwh", "d", 2**59, None, doubles(1.0, 2.0), None),
        ("kwh", "d", 2**62, None, doubles(1.0, 2.0), None),
        ("kwh", "d", 2**63 - 1, None, doubles(1.0, 2.0), None),
        ("kwh", "d", -1, None, doubles(1.0, 2.0), None),
        ("kwh", "d", 0, b"", doubles(1.0, 2.0), None),
        ("kwh", "d", 7, b"\xff", doubles(*[1.0] * 9), None),
        ("text", "s", 0, None, ints(0, 0), b""),
        ("text", "s", 0, None, ints(0, 1, 4), b"abc"),
        ("text", "s", 0, None, ints(0, 1, 1), None),
        ("text", "s", 0, None, ints(0, 3, 1), b"abc"),
        ("text", "s", 0, None, ints(-1, 0, 1), b"abc"),
        ("text", "s", 0, None, ints(0, -1, 1), b"abc"),
        ("text", "s", 0, b"", ints(0, 1, 2), b"abc"),
        ("text", "s", 1, None, ints(0, 1, 2), b"abc"),
        ("text", "t", 0, None, longs(TS, TS), None),
        ("text", "x", 0, None, longs(TS, TS), None),
        ("n" * 32, "d", 0, None, doubles(1.0, 2.0), None),
    ],
    ids=str,
)
def test_what_points_out_of_its_buffer_or_is_no_kind_is_a_value_error(
    column: tuple[object, ...],
) -> None:
    with pytest.raises(ValueError, match=f"cannot read column {column[0]}: "):
        lines_with(column)


@pytest.mark.parametrize(
    "stamps",
    [
        ("ts", "t", 0, b"\x01", longs(TS, TS), None),
        ("ts", "t", 0, None, longs(TS, -1), None),
        ("ts", "t", 0, None, longs(TS, 2**34 * 10**6), None),
        ("ts", "t", 0, None, longs(-(2**63), 2**63 - 1), None),
        ("ts", "t", 0, None, longs(TS), None),
        ("ts", "d", 0, None, longs(TS, TS), None),
        ("ts", "t", 0, None, None, None),
        ("tz", "d", 0, None, longs(TS, TS), None),
    ],
    ids=str,
)
def test_each_row_has_an_instant_that_has_an_id(stamps: tuple[object, ...]) -> None:
    with pytest.raises(ValueError, match="ts"):
        column_lines([stamps, IDS])


@pytest.mark.parametrize("ids", [("event_id", "d", 0, None, None, None), KWH])
def test_there_is_a_place_for_the_id(ids: tuple[object, ...]) -> None:
    with pytest.raises(ValueError, match="event_id"):
        column_lines([STAMPS, ids])


@pytest.mark.parametrize(
    ("columns", "row_count", "table", "seed", "error"),
    [
        (None, 2, b"t", 1, TypeError),
        ([None], 2, b"t", 1, TypeError),
        ([("ts",)], 2, b"t", 1, TypeError),
        ([STAMPS, list(IDS)], 2, b"t", 1, TypeError),
        ([STAMPS, IDS] * 8, 2, b"t", 1, TypeError),
        ([STAMPS, IDS, ("kwh", "d", 0, None, 1.0, None)], 2, b"t", 1, TypeError),
        ([STAMPS, IDS, ("kwh", "dd", 0, None, b"", None)], 2, b"t", 1, TypeError),
        ([STAMPS, IDS], "2", b"t", 1, TypeError),
        ([STAMPS, IDS], -1, b"t", 1, ValueError),
        ([STAMPS, IDS], 2**60, b"t", 1, ValueError),
        ([STAMPS, IDS], 2**70, b"t", 1, OverflowError),
        ([STAMPS, IDS], 2, "t", 1, TypeError),
        ([STAMPS, IDS], 2, b"t", -1, OverflowError),
        ([STAMPS, IDS], 2, b"t", "1", TypeError),
    ],
)
def test_wrong_use_is_an_exception(
    columns: object, row_count: object, table: object, seed: object, error: type[Exception]
) -> None:
    with pytest.raises(error):
        column_lines(columns, row_count, table, seed)


def test_other_threads_go_on_meanwhile() -> None:
    """Another thread gets the GIL here only if the compiled code lets it go."""
    rows = 200_000
    columns: list[Any] = [("ts", "t", 0, None, longs(*[TS] * rows), None), IDS]
    goes_on = []
    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(60.0)
    try:
        for _ in range(5):
            started, ended = threading.Event(), threading.Event()

            def work(started: threading.Event, ended: threading.Event) -> None:
                started.set()
                column_bytes(columns, rows)
                ended.set()

            thread = threading.Thread(target=work, args=(started, ended))
            thread.start()
            started.wait()
            goes_on.append(not ended.is_set())
            thread.join()
    finally:
        sys.setswitchinterval(interval_s)
    assert any(goes_on)


def test_buffers_are_given_back_whether_it_works_or_not() -> None:
    values: Sequence[bytearray] = [bytearray(longs(TS, TS)), bytearray(ints(0, 1, 3))]
    stamps, texts = ("ts", "t", 0, None, values[0], None), ("a", "s", 0, None, values[1], b"abc")
    column_lines([stamps, IDS, texts])
    with pytest.raises(ValueError, match="ts"):
        column_lines([texts, IDS])
    with pytest.raises(ValueError, match="its texts are not in their buffer"):
        column_lines([stamps, IDS, ("a", "s", 0, None, values[1], b"ab")])
    for value in values:
        value.append(0)  # BufferError while anybody holds it


def test_work_leaves_no_memory_behind() -> None:
    code = """
import resource
from array import array
from utility_ts_analytics.records import _native
stamps = ("ts", "t", 0, None, array("q", [10**15] * 1000).tobytes(), None)
ids = ("event_id", "s", 0, None, None, None)
texts = ("a", "s", 0, None, array("i", range(0, 100100, 100)).tobytes(), b"x" * 100000)
short = ("b", "s", 0, None, array("i", range(0, 100100, 100)).tobytes(), b"x" * 99999)
def work(times):
    for _ in range(times):
        _native.column_lines([stamps, ids, texts], 1000, b"t", 1)
        for wrong in ([stamps, ids, short], [stamps, ids, ("c", "d", 0, None, 1, None)]):
            try:
                _native.column_lines(wrong, 1000, b"t", 1)
            except (TypeError, ValueError):
                pass
            else:
                raise SystemExit("no error")
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
work(20)
before = peak()
work(400)
print(peak() - before)
"""
    shown = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout
    assert int(shown) < 4_000  # KiB
