"""Whatever was encoded comes back equal: law 3 for our own reader."""

from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from utility_ts_analytics.buffering.block import Block, Settlement
from utility_ts_analytics.records.reading import Reading
from utility_ts_analytics.records.streams import GenerationOutput, MeterUsage
from utility_ts_analytics.sinks.ilp import ilp_over_http
from utility_ts_analytics.sinks.ilp.encode import (
    client_encoder,
    escape_table,
    row_encoder,
    rows_of_lines,
)

TS = datetime(2026, 1, 1, tzinfo=UTC)
TABLE = "a table"

texts = st.text(
    st.sampled_from('a"\\\n\r =,\t\x10é😀') | st.characters(exclude_categories=["Cs"]), max_size=40
)
numbers = st.floats(allow_nan=False, allow_infinity=False)
offsets = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
instants = st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 30), timezones=offsets)
rows_of_one_type = st.lists(
    st.builds(
        MeterUsage,
        ts=instants,
        event_id=st.none() | texts,
        meter_id=texts,
        kwh=numbers,
        premise_id=st.none() | texts,
        kvarh=st.none() | numbers,
        kva_demand=st.none() | numbers,
        quality_flag=st.none() | texts,
        source_system=st.none() | texts,
    ),
    max_size=4,
) | st.lists(
    st.builds(
        GenerationOutput,
        ts=instants,
        plant_id=texts,
        mw=numbers,
        unit_id=st.none() | texts,
        fuel_type=st.none() | texts,
    ),
    max_size=4,
)


@given(rows_of_one_type)
def test_every_value_of_every_row_comes_back(rows: list[Reading]) -> None:
    for encode in (row_encoder(TABLE), client_encoder(TABLE)):
        back = rows_of_lines(encode(rows), escape_table(TABLE), type(rows[0]) if rows else Reading)
        assert [repr(row) for row in back] == [repr(in_utc(row)) for row in rows]


def in_utc(row: Reading) -> Reading:
    return msgspec.structs.replace(row, ts=row.ts.astimezone(UTC))


@pytest.mark.parametrize(
    "lines",
    [
        b"other mw=1.0 1t\n",
        b"t mw==\x10\0\0\0\0\0\0\0\0 1t",
        b"t mw=1.0 1t\n",
        b"t mw==\x10\0\0\0\0\0\0\0\0 1n\n",
        b't plant_id="a 1t\n',
        b't unknown="a" 1t\n',
    ],
)
def test_what_our_encoder_does_not_write_is_our_fault(lines: bytes) -> None:
    with pytest.raises(AssertionError, match="no line of our encoder at byte 0"):
        rows_of_lines(lines, b"t", GenerationOutput)


def test_block_that_was_encoded_gives_its_rows_all_the_same() -> None:
    """In another way than it was encoded for, in parts, and encoded once more."""
    rows = [GenerationOutput(ts=TS, plant_id=f"p-{number}", mw=1.0) for number in range(3)]
    block = Block(list(rows), range(3), 100, Settlement())
    sink = ilp_over_http("127.0.0.1:1", TABLE)
    first, second = sink.new_payload(), sink.new_payload()
    first.encode(block)
    assert block.row_count == 3
    assert list(block.rows) == rows
    assert block.rows[1:] == rows[1:]
    second.encode(block)
    del first
    assert list(block.rows) == rows
    assert second.parts == [row_encoder(TABLE)(rows)]
