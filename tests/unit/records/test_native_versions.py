"""The compiled hashes of rows answer wrong use with an exception, and read no byte too far."""

import subprocess
import sys
import threading
from array import array
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from utility_ts_analytics.records import native
from utility_ts_analytics.records.streams import GenerationOutput, MeterUsage

pytestmark = pytest.mark.skipif(
    native.column_versions is None, reason="installed without the compiled module"
)

TS = 1_767_225_600_000_000
KEY = ("ts", "meter_id")


def longs(*values: int) -> bytes:
    return array("q", values).tobytes()


def ints(*values: int) -> bytes:
    return array("i", values).tobytes()


STAMPS = ("ts", "t", 0, None, longs(TS, TS + 1), None)
IDS = ("event_id", "s", 0, None, None, None)
METERS = ("meter_id", "s", 0, None, ints(0, 1, 3), b"abc")
KWH = ("kwh", "d", 0, None, array("d", [1.0, 2.0]).tobytes(), None)


def of_columns(columns: Any, row_count: Any = 2, key: Any = KEY, seed: Any = 1) -> bytes:
    assert native.column_versions is not None
    return native.column_versions(columns, row_count, key, seed)


def of_rows(rows: Any, key: Any = KEY, seed: Any = 1) -> bytes:
    assert native.row_versions is not None
    return native.row_versions(rows, key, seed)


def row(**fields: Any) -> MeterUsage:
    instant = datetime(2026, 1, 1, tzinfo=UTC)
    return MeterUsage(**{"ts": instant, "meter_id": "m", "kwh": 1.0, **fields})


def test_no_rows_have_no_hashes() -> None:
    nothing = [("ts", "t", 0, None, b"", None), IDS, ("meter_id", "s", 0, None, b"", None)]
    assert of_columns(nothing, 0) == b""
    assert of_rows([]) == of_rows(()) == b""


def test_names_of_the_key_may_come_in_any_order_and_twice() -> None:
    columns = [STAMPS, IDS, METERS, KWH]
    assert of_columns(columns, key=["meter_id", "ts", "ts"]) == of_columns(columns)
    assert of_rows([row()], key=["meter_id", "ts"]) == of_rows([row()])
    assert of_columns(columns, key=["ts"]) != of_columns(columns)
    assert of_columns(columns, seed=2) != of_columns(columns)


@pytest.mark.parametrize(
    ("key", "error"),
    [
        (["plant_id"], ValueError),
        (["event_id"], ValueError),
        (["ts", ""], ValueError),
        ([b"ts"], TypeError),
        ([None], TypeError),
        (None, TypeError),
        (["\ud800"], UnicodeEncodeError),
    ],
)
def test_key_of_no_such_field_is_an_error(key: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        of_columns([STAMPS, IDS, METERS], key=key)
    with pytest.raises(error):
        of_rows([row()], key=key)


@pytest.mark.parametrize(
    ("columns", "row_count", "seed", "error"),
    [
        (None, 2, 1, TypeError),
        ([None], 2, 1, TypeError),
        ([STAMPS, IDS] * 8, 2, 1, TypeError),
        ([STAMPS, IDS, METERS], "2", 1, TypeError),
        ([STAMPS, IDS, METERS], -1, 1, ValueError),
        ([STAMPS, IDS, METERS], 3, 1, ValueError),
        ([STAMPS, IDS, METERS], 2**60, 1, ValueError),
        ([STAMPS, IDS, METERS], 2**70, 1, OverflowError),
        ([STAMPS, IDS, METERS], 2, -1, OverflowError),
        ([STAMPS, IDS, METERS], 2, "1", TypeError),
        ([STAMPS, METERS], 2, 1, ValueError),
        ([IDS, METERS], 2, 1, ValueError),
        ([STAMPS, IDS, ("meter_id", "s", 0, None, ints(0, 3, 1), b"abc")], 2, 1, ValueError),
        ([STAMPS, IDS, ("meter_id", "s", 0, None, ints(0, 1, 4), b"abc")], 2, 1, ValueError),
        ([STAMPS, IDS, ("meter_id", "s", 0, b"", ints(0, 1, 2), b"abc")], 2, 1, ValueError),
        ([("ts", "t", 0, None, longs(TS, -1), None), IDS, METERS], 2, 1, ValueError),
    ],
)
def test_wrong_columns_are_an_exception(
    columns: object, row_count: object, seed: object, error: type[Exception]
) -> None:
    with pytest.raises(error):
        of_columns(columns, row_count, seed=seed)


@pytest.mark.parametrize(
    ("rows", "error"),
    [
        (None, TypeError),
        ([None], TypeError),
        ([msgspec.defstruct("Other", ["ts"])(1)], TypeError),
        (
            [row(), GenerationOutput(ts=datetime(2026, 1, 1, tzinfo=UTC), plant_id="p", mw=1.0)],
            TypeError,
        ),
        ([row(ts="2026-01-01")], TypeError),
        ([row(kwh=1)], TypeError),
        ([row(ts=datetime(2026, 1, 1))], ValueError),
        ([row(ts=datetime(1969, 1, 1, tzinfo=UTC))], ValueError),
        ([row(meter_id="\ud800")], UnicodeEncodeError),
    ],
)
def test_wrong_rows_are_an_exception(rows: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        of_rows(rows)


@pytest.mark.parametrize("function", ["column_versions", "row_versions"])
def test_wrong_number_of_arguments_is_a_type_error(function: str) -> None:
    with pytest.raises(TypeError, match=function):
        getattr(native, function)([])


def test_other_threads_go_on_meanwhile() -> None:
    """Another thread gets the GIL here only if the compiled code lets it go."""
    rows = 500_000
    columns: list[Any] = [("ts", "t", 0, None, longs(*[TS] * rows), None), IDS]
    goes_on = []
    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(60.0)
    try:
        for _ in range(5):
            started, ended = threading.Event(), threading.Event()

            def work(started: threading.Event, ended: threading.Event) -> None:
                started.set()
                of_columns(columns, rows, ("ts",))
                ended.set()

            thread = threading.Thread(target=work, args=(started, ended))
            thread.start()
            started.wait()
            goes_on.append(not ended.is_set())
            thread.join()
    finally:
        sys.setswitchinterval(interval_s)
    assert any(goes_on)


def test_several_threads_get_the_hashes_of_their_own_rows() -> None:
    def columns(start: int) -> list[Any]:
        stamps = longs(*range(TS + start, TS + start + 20_000))
        return [("ts", "t", 0, None, stamps, None), IDS]

    expected = [of_columns(columns(start), 20_000, ("ts",)) for start in range(4)]
    found: list[bytes] = [b""] * 4

    def work(start: int) -> None:
        for _ in range(20):
            found[start] = of_columns(columns(start), 20_000, ("ts",))

    threads = [threading.Thread(target=work, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == expected


def test_buffers_are_given_back_whether_it_works_or_not() -> None:
    values = [bytearray(longs(TS, TS)), bytearray(ints(0, 1, 3))]
    stamps = ("ts", "t", 0, None, values[0], None)
    texts = ("meter_id", "s", 0, None, values[1], b"abc")
    of_columns([stamps, IDS, texts])
    with pytest.raises(ValueError, match="plant_id"):
        of_columns([stamps, IDS, texts], key=["plant_id"])
    with pytest.raises(ValueError, match="its texts are not in their buffer"):
        of_columns([stamps, IDS, (*texts[:5], b"ab")])
    for value in values:
        value.append(0)  # BufferError while anybody holds it


def test_work_leaves_no_memory_behind() -> None:
    code = """
import resource
from array import array
from datetime import datetime, timedelta, timezone
from utility_ts_analytics.records import _native
from utility_ts_analytics.records.streams import MeterUsage
stamps = ("ts", "t", 0, None, array("q", [10**15] * 1000).tobytes(), None)
ids = ("event_id", "s", 0, None, None, None)
texts = ("meter_id", "s", 0, None, array("i", range(0, 100100, 100)).tobytes(), b"x" * 100000)
short = (*texts[:5], b"x" * 99999)
zone = timezone(timedelta(hours=1))
rows = [MeterUsage(ts=datetime(2026, 1, 1, tzinfo=zone), meter_id="x" * 300, kwh=1.0)] * 1000
broken = [*rows, MeterUsage(ts=None, meter_id="m", kwh=1.0)]
key = ["".join(("meter", "_id")), "ts"]
def work(times):
    for _ in range(times):
        _native.column_versions([stamps, ids, texts], 1000, key, 1)
        _native.row_versions(rows, key, 1)
        for function in (lambda: _native.column_versions([stamps, ids, short], 1000, key, 1),
                         lambda: _native.column_versions([stamps, ids, texts], 1000, ["a"], 1),
                         lambda: _native.row_versions(rows, ["a"], 1),
                         lambda: _native.row_versions(broken, key, 1)):
            try:
                function()
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
