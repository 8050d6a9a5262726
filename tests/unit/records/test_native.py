"""The compiled functions answer wrong use with an exception, never with a crash or a wrong line."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any

import msgspec
import pytest

from utility_ts_analytics.records import native
from utility_ts_analytics.records.streams import GenerationOutput, MeterUsage

pytestmark = pytest.mark.skipif(
    native.ilp_lines is None, reason="installed without the compiled module"
)

TS = datetime(2026, 1, 1, tzinfo=UTC)
EVENT_ID = "11111111-2222-8333-8444-555555555555"


def ilp_lines(rows: Any, table: Any = b"t") -> bytes:
    assert native.ilp_lines is not None
    return native.ilp_lines(rows, table)


def derive(rows: Any, seed: Any = 1) -> None:
    assert native.derive_event_ids is not None
    native.derive_event_ids(rows, seed)


def json_lines(rows: Any) -> Any:
    assert native.json_lines is not None
    return native.json_lines(rows)


def row(**fields: Any) -> MeterUsage:
    return MeterUsage(**{"ts": TS, "meter_id": "m", "kwh": 1.0, "event_id": EVENT_ID, **fields})


@pytest.mark.parametrize("function", [ilp_lines, derive])
def test_no_rows_are_no_work(function: Any) -> None:
    assert not function([])
    assert not function(())


@pytest.mark.parametrize("function", [ilp_lines, derive])
@pytest.mark.parametrize(
    "rows",
    [
        None,
        [None],
        [1],
        [msgspec.defstruct("Other", ["ts"])(TS)],
        [type("Other", (), {"__struct_fields__": ("ts", "event_id"), "ts": 1, "event_id": 2})()],
        [type("Other", (), {"__struct_fields__": ["ts", "event_id"]})()],
        [row(), GenerationOutput(ts=TS, plant_id="p", mw=1.0)],
        [row(event_id=None, ts="2026-01-01")],
        [row(event_id=None, kwh=b"bytes")],
        [row(event_id=None, kwh=1)],
        [row(event_id=1)],
    ],
)
def test_what_is_no_record_is_a_type_error(function: Any, rows: Any) -> None:
    with pytest.raises(TypeError):
        function(rows)


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        (b"", b"t"),
        ("", b"t", MeterUsage),
        (b"", "t", MeterUsage),
        (b"", b"t", None),
        (b"", b"t", int),
        (b"", b"t", msgspec.defstruct("Other", ["event_id"])),
        (b"", b"t", msgspec.defstruct("Other", ["ts", *(f"f{number}" for number in range(15))])),
        (b"", b"t", type("Other", (), {"__struct_fields__": ("ts", 1)})),
    ],
)
def test_lines_without_table_or_record_type_are_a_type_error(arguments: Any) -> None:
    assert native.ilp_rows is not None
    with pytest.raises(TypeError):
        native.ilp_rows(*arguments)


def test_bytes_of_a_line_that_are_no_utf8_are_an_error() -> None:
    assert native.ilp_rows is not None
    for text in (b"\xff", b'\\"\xff'):
        with pytest.raises(UnicodeDecodeError):
            native.ilp_rows(b't meter_id="%b" 1t\n' % text, b"t", MeterUsage)


@pytest.mark.parametrize("function", [ilp_lines, derive])
@pytest.mark.parametrize(
    "ts",
    [
        datetime(2026, 1, 1),
        datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=timezone(timedelta(0), "Z")),
        datetime(1970, 1, 1, tzinfo=timezone(timedelta(hours=1))),
        datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(2514, 5, 31, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=timezone(timedelta(hours=-23))),
    ],
)
def test_instant_without_a_zone_or_outside_1970_to_2513_is_a_value_error(
    function: Any, ts: datetime
) -> None:
    with pytest.raises(ValueError, match="ts must"):
        function([row(event_id=None, ts=ts)])


def test_error_in_a_time_zone_is_passed_on() -> None:
    class Broken(tzinfo):
        def utcoffset(self, instant: datetime | None) -> timedelta:
            raise RuntimeError("as intended")

        def dst(self, instant: datetime | None) -> None: ...

        def tzname(self, instant: datetime | None) -> None: ...

    with pytest.raises(RuntimeError, match="as intended"):
        ilp_lines([row(ts=datetime(2026, 1, 1, tzinfo=Broken()))])


@pytest.mark.parametrize("function", [ilp_lines, derive, json_lines])
def test_text_that_is_no_utf8_is_an_error(function: Any) -> None:
    with pytest.raises(UnicodeEncodeError):
        function([row(event_id=None, meter_id="\ud800")])


@pytest.mark.parametrize(("seed", "error"), [(-1, OverflowError), ("1", TypeError)])
def test_seed_out_of_range_is_an_error(seed: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        derive([row(event_id=None)], seed=seed)


@pytest.mark.parametrize(
    "rows", [None, [None], [row(), GenerationOutput(ts=TS, plant_id="p", mw=1)]]
)
def test_lines_of_what_is_no_record_are_a_type_error(rows: Any) -> None:
    with pytest.raises(TypeError):
        json_lines(rows)


def test_table_must_be_bytes() -> None:
    with pytest.raises(TypeError):
        ilp_lines([row()], "t")


def test_canonical_id_is_left_as_the_object_that_it_is() -> None:
    rows = [row(event_id=text) for text in (EVENT_ID, EVENT_ID.upper())]
    kept = rows[0].event_id
    derive(rows)
    assert rows[0].event_id is kept
    assert rows[1].event_id == EVENT_ID


def test_work_leaves_no_memory_behind() -> None:
    """A lost reference costs at least 50 bytes a row: 20 MB here."""
    code = """
import resource
from datetime import datetime, timedelta, timezone
from utility_ts_analytics.records import _native
from utility_ts_analytics.records.streams import MeterUsage
zone = timezone(timedelta(hours=1))
ts = datetime(2026, 1, 1, tzinfo=zone)
rows = [MeterUsage(ts=ts, meter_id="x" * 300, kwh=1.0) for _ in range(1000)]
broken = [*rows, MeterUsage(ts=None, meter_id="m", kwh=1.0)]
def work(times):
    for turn in range(times):
        for row in rows:
            row.event_id = (None, "mine")[turn % 2]
        _native.derive_event_ids(rows, 1)
        _native.ilp_lines(rows, b"t")
        _native.json_lines(rows)
        for function in (lambda: _native.ilp_lines(broken, b"t"),
                         lambda: _native.derive_event_ids(broken, 1)):
            try:
                function()
            except TypeError:
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
