"""One complete line per row: every text escaped, nothing left to the server to fill in."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from questdb import QuestDBError

from utility_ts_analytics.records import native
from utility_ts_analytics.records.reading import Reading
from utility_ts_analytics.records.streams import GenerationOutput, MeterUsage
from utility_ts_analytics.sinks.ilp.encode import client_encoder, row_encoder

EVENT_ID = "11111111-2222-8333-8444-555555555555"
TS = datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=UTC)


def lines(*rows: Reading) -> bytes:
    return row_encoder("generation_output")(rows)


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


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=300)
instants = st.datetimes(
    datetime(2000, 1, 1),
    datetime(2099, 12, 30),
    timezones=st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)
numbers = st.floats(allow_nan=False, allow_infinity=False)
meter_rows = st.builds(
    MeterUsage,
    ts=instants,
    event_id=st.just(EVENT_ID),
    meter_id=texts,
    kwh=numbers,
    premise_id=st.none() | texts,
    kvarh=st.none() | numbers,
    kva_demand=st.none() | numbers,
    quality_flag=st.none() | texts,
    source_system=st.none() | texts,
)


@given(st.lists(meter_rows, max_size=5))
@pytest.mark.skipif(native.ilp_lines is None, reason="built without the compiled module")
def test_compiled_lines_are_byte_for_byte_the_clients(rows: list[MeterUsage]) -> None:
    assert row_encoder("meter_usage")(rows) == client_encoder("meter_usage")(rows)


@pytest.mark.parametrize("table", ["meter_usage", "with space", "eq=ual", "täble"])
def test_name_of_the_table_is_escaped_as_the_client_does(table: str) -> None:
    assert row_encoder(table)([row()]) == client_encoder(table)([row()])


def test_name_that_no_table_can_have_is_refused() -> None:
    with pytest.raises(QuestDBError, match="Table names"):
        row_encoder("a?b")


def test_without_the_compiled_module_the_client_encodes(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = lines(row())
    monkeypatch.setattr(native, "ilp_lines", None)
    assert lines(row()) == compiled


def test_client_encoder_starts_afresh_after_every_block() -> None:
    encode = client_encoder("generation_output")
    assert encode([row()]) == encode([row()])
