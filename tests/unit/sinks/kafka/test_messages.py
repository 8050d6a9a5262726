from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from utility_ts_analytics.reading.lines import LineBlock
from utility_ts_analytics.reading.ndjson import NdjsonDecoder
from utility_ts_analytics.records import native
from utility_ts_analytics.records.event_id import assign_event_ids
from utility_ts_analytics.records.json_lines import json_lines
from utility_ts_analytics.records.streams import STREAMS, MeterUsage
from utility_ts_analytics.sinks.kafka.messages import (
    FORMAT_VERSION,
    REQUEST_IDS_MAX,
    Headers,
    MessageHead,
    head_of,
    headers_of,
)

SPEC = STREAMS["meter_usage"]
END = datetime(2100, 1, 1, tzinfo=UTC)


def readings() -> list[MeterUsage]:
    east = timezone(timedelta(hours=5, minutes=45))
    return [
        MeterUsage(ts=datetime(2026, 1, 1, 0, 0, 0, 123456, tzinfo=east), meter_id="m", kwh=0.1),
        MeterUsage(
            ts=datetime(2026, 1, 1, tzinfo=UTC),
            meter_id='a\n"\\\u2028é😀\x7f\x01',
            kwh=1.7976931348623157e308,
            kvarh=-0.0,
            kva_demand=5e-324,
            quality_flag="",
            event_id="0a1b2c3d-0a1b-4c2d-9a1b-0a1b2c3d4e5f",
        ),
    ]


def test_lines_read_by_the_service_s_own_rules_are_the_same_readings() -> None:
    rows = readings()
    assign_event_ids(rows, stream_number=SPEC.number)
    value = json_lines(rows)
    assert value.count(b"\n") == len(rows)
    decoded = NdjsonDecoder(SPEC, SPEC.record_type).decode(
        LineBlock(value, 1, len(rows)), ts_end=END
    )
    assert not decoded.errors
    assert list(decoded.rows) == rows
    assert [str(row.kvarh) for row in decoded.rows] == ["None", "-0.0"]  # type: ignore[attr-defined]


def test_event_id_of_a_line_without_one_comes_out_the_same() -> None:
    rows = readings()
    lines = json_lines(rows)
    decoded = NdjsonDecoder(SPEC, SPEC.record_type).decode(LineBlock(lines, 1, 2), ts_end=END)
    assign_event_ids(rows, stream_number=SPEC.number)
    assert [row.event_id for row in decoded.rows] == [row.event_id for row in rows]


decimals = st.builds(lambda digits, count: digits / 10**count, st.integers(), st.integers(0, 9))
numbers = st.floats(allow_nan=False, allow_infinity=False) | decimals.filter(lambda it: it < 1e300)
texts = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
rows_of_any_kind = st.builds(
    MeterUsage,
    ts=st.datetimes(
        datetime(2000, 1, 1),
        datetime(2099, 1, 1),
        timezones=st.sampled_from([UTC, timezone(timedelta(minutes=-90))]),
    ),
    meter_id=st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    kwh=numbers,
    kvarh=st.none() | numbers,
    quality_flag=texts,
    event_id=texts,
)


@given(st.lists(rows_of_any_kind, max_size=3))
def test_lines_are_those_of_msgspec(rows: list[MeterUsage]) -> None:
    assert json_lines(rows) == msgspec.json.Encoder().encode_lines(rows)


@pytest.mark.skipif(native.json_lines is None, reason="installed without the compiled module")
@pytest.mark.parametrize(
    ("number", "compiled"),
    [(0.0, True), (-0.001, True), (123456789.125, True), (0.1 + 0.2, False), (1e9, False)],
)
def test_usual_readings_are_written_by_compiled_code(number: float, compiled: bool) -> None:
    assert native.json_lines is not None
    row = MeterUsage(ts=datetime(2026, 1, 1, tzinfo=UTC), meter_id="m-é", kwh=1.0, kvarh=number)
    assert (native.json_lines([row]) is not None) is compiled


def test_headers_are_read_as_they_were_written() -> None:
    headers = headers_of("meter_usage", 12, ["r1", "", "r2", "r1"])
    assert head_of(headers) == MessageHead("meter_usage", FORMAT_VERSION, 12, ("r1", "r2"))
    assert head_of(headers_of("meter_usage", 1, [])) == MessageHead("meter_usage", 1, 1, ())


def test_request_ids_are_bounded() -> None:
    head = head_of(headers_of("meter_usage", 1, [f"r{number}" for number in range(1000)]))
    assert head is not None
    assert head.request_ids == tuple(f"r{number}" for number in range(REQUEST_IDS_MAX))


def without(name: str) -> Headers:
    return [one for one in headers_of("meter_usage", 1, []) if one[0] != name]


@pytest.mark.parametrize(
    "headers",
    [
        None,
        [],
        *[without(name) for name in ("content-type", "stream", "format-version", "rows")],
        [*without("rows"), ("rows", b"0")],
        [*without("rows"), ("rows", b"-1")],
        [*without("rows"), ("rows", b"9" * 5000)],
        [*without("rows"), ("rows", None)],
        [*without("content-type"), ("content-type", b"application/json")],
    ],
)
def test_message_of_somebody_else_is_told_apart(
    headers: Headers | None,
) -> None:
    assert head_of(headers) is None
