"""Whatever was encoded comes back equal: law 3 for our own reader."""

from collections.abc import Callable
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
    plain_rows_of_lines,
    row_encoder,
    rows_of_lines,
)

Reader = Callable[[bytes, bytes, type[Reading]], list[Reading]]
READERS: list[Reader] = [rows_of_lines, plain_rows_of_lines]

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
    record_type = type(rows[0]) if rows else Reading
    for encode in (row_encoder(TABLE), client_encoder(TABLE)):
        for read in READERS:
            back = read(encode(rows), escape_table(TABLE), record_type)
            assert [repr(row) for row in back] == [repr(in_utc(row)) for row in rows]


def in_utc(row: Reading) -> Reading:
    return msgspec.structs.replace(row, ts=row.ts.astimezone(UTC).replace(fold=0))


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    "lines",
    [
        b"other mw=1.0 1t\n",
        b"t mw==\x10\0\0\0\0\0\0\0\0 1t",
        b"t mw=1.0 1t\n",
        b"t mw==\x10\0\0\0\0\0\0\0\0 1n\n",
        b't plant_id="a 1t\n',
        b't unknown="a" 1t\n',
        b't plant_id="a",mw==\x10\0\0\0\0\0\0\0\0 t\n',
        b't plant_id="a",mw==\x10\0\0\0\0\0\0\0\0 -1t\n',
        b't plant_id="a",mw==\x11\0\0\0\0\0\0\0\0 1t\n',
    ],
)
def test_what_our_encoder_does_not_write_is_our_fault(read: Reader, lines: bytes) -> None:
    with pytest.raises(AssertionError, match="no line of our encoder at byte 0"):
        read(lines, b"t", GenerationOutput)


@pytest.mark.parametrize("read", READERS)
def test_every_beginning_of_lines_is_their_rows_or_our_fault(read: Reader) -> None:
    first = GenerationOutput(ts=TS, plant_id='a"\\\n', mw=-1.5, status="", event_id="é")
    rows = [first, GenerationOutput(ts=TS + timedelta(microseconds=1), plant_id="b", mw=2.0)]
    lines = row_encoder("t")(rows)
    whole = len(row_encoder("t")(rows[:1]))
    assert read(lines, b"t", GenerationOutput) == rows
    for end in range(1, len(lines)):
        if end == whole:
            assert read(lines[:end], b"t", GenerationOutput) == rows[:1]
            continue
        bad = f"no line of our encoder at byte {whole if end > whole else 0}"
        with pytest.raises(AssertionError, match=bad):
            read(lines[:end], b"t", GenerationOutput)


@pytest.mark.parametrize("read", READERS)
def test_line_without_a_field_that_every_row_has_is_our_fault(read: Reader) -> None:
    with pytest.raises(TypeError, match="mw"):
        read(b't plant_id="a" 1t\n', b"t", GenerationOutput)


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
