import itertools
import json
import zlib
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.sinks.spool.spool_rig import TS, batch

from utility_ts_analytics.records.generation_output import GenerationOutput, SignedGenerationOutput
from utility_ts_analytics.records.meter_usage import MeterUsage, SignedMeterUsage
from utility_ts_analytics.records.reading import Reading
from utility_ts_analytics.records.streams import STREAMS
from utility_ts_analytics.sinks.spool.record import (
    HEAD_BYTES,
    MAGIC,
    PAYLOAD_BYTES_MAX,
    Head,
    decode_payload,
    encode_record,
    parse_head,
)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    ["\n", "\r\n", '"', "\\", "\u2028", "\x85", "Zähler", "電力計", "\U0001f50c", "", "\xff"]
)
numbers = st.sampled_from([0.0, -0.0, 5e-324, -1.0, 1e300, 0.1]) | st.floats(
    allow_nan=False, allow_infinity=False
)
zones = st.just(UTC) | st.integers(-1439, 1439).map(lambda m: timezone(timedelta(minutes=m)))
times = st.datetimes(datetime(2000, 1, 3), datetime(2099, 12, 28), timezones=zones)
event_ids = st.none() | st.uuids().map(str)
meter_rows = st.builds(
    SignedMeterUsage,
    ts=times,
    event_id=event_ids,
    meter_id=texts.filter(bool),
    kwh=numbers,
    premise_id=st.none() | texts,
    kvarh=st.none() | numbers,
    kva_demand=st.none() | numbers,
    quality_flag=st.none() | texts,
    source_system=st.none() | texts,
)
plant_rows = st.builds(
    SignedGenerationOutput,
    ts=times,
    event_id=event_ids,
    plant_id=texts.filter(bool),
    mw=numbers,
    unit_id=st.none() | texts,
    mvar=st.none() | numbers,
    status=st.none() | texts,
    fuel_type=st.none() | texts,
)


def decoder_of(stream: str) -> msgspec.json.Decoder[Reading]:
    return msgspec.json.Decoder(STREAMS[stream].signed_record_type)


def fields(row: Reading) -> list[object]:
    """Everything a row says; minus zero differs from zero here, and time zones do not."""
    values = [getattr(row, name) for name in row.__struct_fields__]
    return [
        value.astimezone(UTC) if isinstance(value, datetime) else repr(value) for value in values
    ]


def decoded(record: bytes, stream: str, piece_bytes: int = 1_000_000) -> list[Reading] | None:
    head = parse_head(record)
    assert head is not None
    assert head.record_bytes == len(record)
    payload = record[HEAD_BYTES:]
    pieces = [payload[i : i + piece_bytes] for i in range(0, len(payload), piece_bytes)]
    return decode_payload(head, pieces, decoder_of(stream))


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(meter_rows, min_size=1, max_size=5), st.integers(1, 400))
def test_meter_rows_come_back_equal(rows: list[Reading], piece_bytes: int) -> None:
    before = [fields(row) for row in rows]
    back = decoded(encode_record(rows), "meter_usage", piece_bytes)
    assert back is not None
    assert [fields(row) for row in back] == before
    assert [fields(row) for row in rows] == before


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(plant_rows, min_size=1, max_size=5))
def test_plant_rows_come_back_equal(rows: list[Reading]) -> None:
    back = decoded(encode_record(rows), "generation_output")
    assert back is not None
    assert [fields(row) for row in back] == [fields(row) for row in rows]


@pytest.mark.parametrize("count", [1, 999, 1000, 1001, 2500])
def test_rows_keep_their_order_across_parts(count: int) -> None:
    rows = batch(0, count)
    assert decoded(encode_record(rows), "meter_usage", 4096) == [
        SignedMeterUsage(ts=TS, meter_id=f"0.{row}", kwh=1.0) for row in range(count)
    ]


def test_bytes_on_the_disk_stay_as_they_are() -> None:
    """A golden record: spools outlive the version that wrote them."""
    hour = timezone(timedelta(hours=1))
    row = MeterUsage(ts=datetime(2026, 1, 1, 1, 0, 0, 5, hour), meter_id="m\n", kwh=1.5)
    payload = b'{"ts":"2026-01-01T00:00:00.000005Z","meter_id":"m\\n","kwh":1.5}\n'
    head = b"\xffspool1\n" + bytes([1, 0, 0, 0, len(payload), 0, 0, 0])
    head += zlib.crc32(payload + head).to_bytes(4, "little")
    head += zlib.crc32(head).to_bytes(4, "little")
    assert encode_record([row]) == head + payload


def test_payload_is_ndjson_that_can_be_posted_again() -> None:
    row = GenerationOutput(ts=TS, plant_id="Å\u2028", mw=1.0, event_id="a")
    (line,) = encode_record([row])[HEAD_BYTES:].decode().split("\n")[:-1]
    assert json.loads(line) == {
        "ts": "2026-01-01T00:00:00Z",
        "event_id": "a",
        "plant_id": "Å\u2028",
        "mw": 1.0,
    }


def test_no_payload_can_hold_the_magic() -> None:
    row = MeterUsage(ts=TS, meter_id=MAGIC.decode("latin-1"), kwh=1.0)
    assert encode_record([row]).count(MAGIC) == 1


def test_record_without_rows_is_a_fault() -> None:
    with pytest.raises(AssertionError, match="without rows"):
        encode_record([])


@pytest.mark.parametrize("bit", range(HEAD_BYTES * 8))
def test_header_with_a_flipped_bit_is_none(bit: int) -> None:
    data = bytearray(encode_record(batch(0))[:HEAD_BYTES])
    data[bit // 8] ^= 1 << bit % 8
    assert parse_head(bytes(data)) is None


def test_header_that_is_cut_short_is_none() -> None:
    record = encode_record(batch(0))
    assert all(parse_head(record[:length]) is None for length in range(HEAD_BYTES))
    assert parse_head(record[:HEAD_BYTES]) is not None


@pytest.mark.parametrize(
    ("rows", "payload_bytes", "whole"),
    [
        (1, 1, True),
        (0, 1, False),
        (1, 0, False),
        (1, PAYLOAD_BYTES_MAX, True),
        (1, PAYLOAD_BYTES_MAX + 1, False),
    ],
)
def test_header_with_absurd_numbers_is_none(rows: int, payload_bytes: int, whole: bool) -> None:
    head = MAGIC + rows.to_bytes(4, "little") + payload_bytes.to_bytes(4, "little") + bytes(4)
    head += zlib.crc32(head).to_bytes(4, "little")
    assert (parse_head(head) == Head(rows, payload_bytes, 0)) is whole


def sealed(rows: int, payload: bytes) -> tuple[Head, list[bytes]]:
    """A payload whose CRC is right, whatever is in it."""
    fields = MAGIC + rows.to_bytes(4, "little") + len(payload).to_bytes(4, "little")
    return Head(rows, len(payload), zlib.crc32(payload + fields)), [payload]


LINE = b'{"ts":"2026-01-01T00:00:00Z","meter_id":"m","kwh":-1.0}\n'


@pytest.mark.parametrize(
    ("rows", "payload", "whole"),
    [
        (1, LINE, True),
        (2, LINE, False),
        (1, LINE + LINE, False),
        (1, LINE[:-1], False),
        (1, LINE + LINE[:-1], False),
        (1, b'{"kwh":1.0}\n', False),
        (1, b"\xff\n", False),
        (1, LINE.replace(b'"m"', b'"\xff"'), False),
        (1, b"x" * 3_000_000, False),
    ],
)
def test_payload_counts_only_as_a_whole(rows: int, payload: bytes, whole: bool) -> None:
    back = decode_payload(*sealed(rows, payload), decoder_of("meter_usage"))
    assert (back is not None) is whole


def test_line_without_an_end_is_not_collected_for_ever() -> None:
    endless = itertools.repeat(b"x" * 100_000)
    assert decode_payload(Head(1, 1, 0), endless, decoder_of("meter_usage")) is None
