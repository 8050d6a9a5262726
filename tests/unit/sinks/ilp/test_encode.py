"""One complete line per row: every text escaped, nothing left to the server to fill in."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from questdb import Sender

from utility_ts_analytics.records.generation_output import GenerationOutput
from utility_ts_analytics.records.reading import Reading
from utility_ts_analytics.sinks.ilp.encode import encode_rows

EVENT_ID = "11111111-2222-8333-8444-555555555555"
TS = datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=UTC)


def lines(*rows: Reading) -> bytes:
    with Sender.from_conf("http::addr=localhost:1;auto_flush=off;protocol_version=2;") as sender:
        buffer = sender.new_buffer()
        encode_rows(buffer, "generation_output", rows)
        return bytes(buffer)


def row(**fields: str | float | datetime | None) -> GenerationOutput:
    complete = {"ts": TS, "plant_id": "p", "mw": 1.0, "event_id": EVENT_ID, **fields}
    return GenerationOutput(**complete)  # type: ignore[arg-type]  # one dict for all fields


def test_null_fields_are_left_out_and_the_time_ends_the_line() -> None:
    line = lines(row())
    assert line.startswith(b"generation_output ")
    assert b"unit_id" not in line
    assert line.endswith(b" 1767225600000001t\n")


def test_empty_text_is_not_null() -> None:
    assert b'status=""' in lines(row(status=""))


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a\nb", b'"a\\\nb"'),
        ('a"b', b'"a\\"b"'),
        ("a\\b", b'"a\\\\b"'),
        ("a b,c=d", b'"a b,c=d"'),
        ("é😀", '"é😀"'.encode()),
    ],
)
def test_text_cannot_leave_its_quotes(text: str, escaped: bytes) -> None:
    assert b"status=" + escaped in lines(row(status=text))


@pytest.mark.parametrize("hours", [-12.0, -3.5, 0.0, 5.75, 14.0])
def test_equal_instants_are_equal_bytes_whatever_the_offset(hours: float) -> None:
    moved = TS.astimezone(timezone(timedelta(hours=hours)))
    assert lines(row(ts=moved)) == lines(row())


def test_every_microsecond_is_kept() -> None:
    last = datetime(2099, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    assert lines(row(ts=last)).endswith(b" 4102444799999999t\n")


def test_rows_stay_in_order_one_line_each() -> None:
    encoded = lines(row(plant_id="first"), row(plant_id="second"))
    assert encoded.index(b"first") < encoded.index(b"second")
    assert encoded.count(b"t\n") == 2
