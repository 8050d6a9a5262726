"""Lines of JSON that are encoded at once: the same rows, lines and errors as by way of records."""

import json
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.sinks.ilp.json_rig import (
    ENCODE,
    FULL,
    GOOD,
    assert_same,
    block_of,
    encoded,
    encoder,
)

from utility_ts_analytics.reading.lines import LineBlock
from utility_ts_analytics.reading.ndjson import NdjsonDecoder
from utility_ts_analytics.records.streams import STREAMS
from utility_ts_analytics.records.validation import TS_END
from utility_ts_analytics.sinks.ilp.encode import row_encoder
from utility_ts_analytics.sinks.ilp.text_blocks import json_encoder

USUAL = [
    GOOD,
    FULL,
    " \t"
    + GOOD.replace(":", " : ").replace("00 : 00 : 00", "00:00:00").replace(",", " ,\t")
    + " \r",
    GOOD[:-1] + ',"premise_id":null,"kvarh":null,"event_id":null}',
    GOOD[:-1] + ',"unknown":"x","other":-1.5e3,"third":null,"fourth":true,"fifth":false}',
    '{"kwh":0,"meter_id":"m-1","ts":"2000-01-01T00:00:00-23:59"}',
    '{"meter_id":"' + "Zähler " * 36 + '","kwh":1e2,"ts":"2099-12-31T23:59:59.9Z"}',
    GOOD.replace("m-1", "\u00df\u0800\ud7ff\ue000\uffff\U00010000\U0010ffff\x7f"),
    GOOD.replace("m-1", "m" * 256),
    GOOD[:-1] + ',"premise_id":"","quality_flag":" \u00a0 ","event_id":"my own"}',
    GOOD[:-1] + ',"event_id":"80000000-0000-0000-8000-000000000000"}',
    GOOD.replace("2024-05-01", "2024-02-29"),
    GOOD.replace("00Z", "00-00:00"),
]


@pytest.mark.parametrize("line", USUAL)
def test_what_is_usual_is_encoded(line: str) -> None:
    """Otherwise all other tests here could pass while every line goes the slow way."""
    assert not encoded(line).doubts
    assert_same(block_of([line]))


@pytest.mark.parametrize("stream", STREAMS)
def test_every_field_of_every_stream_is_encoded(stream: str) -> None:
    spec = STREAMS[stream]
    record = {name: f"{name} 1" for name in spec.texts} | dict.fromkeys(spec.numbers, 1.25)
    line = json.dumps({"ts": "2024-05-01T00:00:00Z", **record})
    encode = json_encoder(stream, spec, spec.record_type)
    assert encode is not None
    found = encode(block_of([line, line]).data, TS_END)
    assert found is not None
    assert not found.doubts
    rows = NdjsonDecoder(spec, spec.record_type).decode(block_of([line, line]), ts_end=TS_END).rows
    assert found.lines.rows() == rows
    assert bytes(found.lines.data) == row_encoder(stream)(rows)


DOUBTFUL = [
    "",
    " \t\r",
    "{}",
    "[]",
    "null",
    GOOD + GOOD,
    GOOD + " x",
    GOOD[:-1],
    GOOD[:-1] + ",}",
    GOOD[:-1] + ',"x":[1]}',
    GOOD[:-1] + ',"x":"\\n"}',
    GOOD[:-1] + ',"\\u0078":1}',
    GOOD[:-1] + ',"x":nul}',
    GOOD[:-1] + ',"kwh":2}',
    GOOD[:-1] + ',"x":1',
    GOOD.replace("1.5", "null"),
    GOOD.replace("1.5", "-1.5"),
    GOOD.replace("1.5", "-0.0"),
    GOOD.replace("1.5", "01.5"),
    GOOD.replace("1.5", "1."),
    GOOD.replace("1.5", ".5"),
    GOOD.replace("1.5", "+1"),
    GOOD.replace("1.5", "1e"),
    GOOD.replace("1.5", "1e999"),
    GOOD.replace("1.5", "1e-999"),
    GOOD.replace("1.5", "NaN"),
    GOOD.replace("1.5", '"1.5"'),
    GOOD.replace("1.5", "1" * 70),
    GOOD.replace('"m-1"', "7"),
    GOOD.replace("m-1", ""),
    GOOD.replace("m-1", " m"),
    GOOD.replace("m-1", "\u00a0"),
    GOOD.replace("m-1", "\u3000"),
    GOOD.replace("m-1", "m\tn"),
    GOOD.replace("m-1", "m\\u0000"),
    GOOD.replace("m-1", "m" * 257),
    GOOD.replace("m-1", "é" * 257),
    *(GOOD.encode().replace(b"m-1", spoiled) for spoiled in (b"m\xff", b"m\xc3", b"m\xed\xa0\x80")),
    *(GOOD.encode().replace(b"m-1", spoiled) for spoiled in (b"\xc0\xaf", b"m\xe0\x9f\xbf")),
    *(
        GOOD.encode().replace(b"m-1", spoiled)
        for spoiled in (b"\xf4\x90\x80\x80", b"\xf0\x8f\x80\x80")
    ),
    *(GOOD.replace("2024-05-01", date) for date in ("2023-02-29", "2024-13-01", "2024-00-10")),
    *(GOOD.replace("2024-05-01", date) for date in ("2024-04-31", "2024-05-00", "1999-12-31")),
    *(GOOD.replace("2024-05-01", date) for date in ("2100-01-01", "0000-01-01", "24-05-01")),
    *(GOOD.replace("T00:00:00Z", time) for time in ("T24:00:00Z", "T00:60:00Z", "T00:00:60Z")),
    *(GOOD.replace("T00:00:00Z", time) for time in (" 00:00:00Z", "t00:00:00Z", "T00:00:00z")),
    *(GOOD.replace("T00:00:00Z", time) for time in ("T00:00Z", "T00:00:00", "T00:00:00.Z")),
    *(GOOD.replace("T00:00:00Z", time) for time in ("T00:00:00.1234567Z", "T00:00:00+0100")),
    *(GOOD.replace("T00:00:00Z", time) for time in ("T00:00:00+24:00", "T00:00:00+01:60", "")),
    GOOD.replace('"2024-05-01T00:00:00Z"', "1714521600"),
]


@pytest.mark.parametrize("line", DOUBTFUL)
def test_what_is_not_is_left_to_the_decoder(line: str | bytes) -> None:
    found = encoded(GOOD, line, FULL)
    assert found.doubts == [1]
    assert_same(block_of([line]))
    assert_same(block_of([GOOD, line, FULL], first_line=7))


tokens = st.sampled_from(
    [*'{}[]:,"\\ \t\r\n-+.eETZ01', "é", "\ud7ff", "null", "true", '"x":', "\x00", "\x1f", "\x7f"]
).map(str.encode) | st.binary(max_size=2)
records = st.fixed_dictionaries(
    {
        "ts": st.datetimes(
            datetime(1999, 12, 31),
            datetime(2100, 1, 2),
            timezones=st.integers(-1439, 1439).map(lambda m: timezone(timedelta(minutes=m))),
        ).map(datetime.isoformat),
        "meter_id": st.text(max_size=9),
        "kwh": st.floats(-1, 1e300) | st.integers(-1, 10**22),
    },
    optional={
        "premise_id": st.none() | st.text(max_size=300),
        "kvarh": st.none() | st.floats(allow_nan=False, allow_infinity=False),
        "event_id": st.none() | st.text(max_size=9) | st.uuids().map(str),
        "other": st.none() | st.booleans() | st.text(max_size=9) | st.lists(st.none(), max_size=1),
    },
)


@st.composite
def written(draw: st.DrawFn) -> bytes:
    """A record as one line in any order and spacing, perhaps with some bytes replaced."""
    record = draw(records)
    keys = draw(st.permutations(list(record)))
    separators = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\t", "\r:  ")]))
    text = json.dumps(
        {key: record[key] for key in keys}, ensure_ascii=draw(st.booleans()), separators=separators
    )
    line = text.encode(errors="surrogatepass")
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        start = draw(st.integers(0, len(line)))
        line = line[:start] + draw(tokens) + line[start + draw(st.integers(0, 3)) :]
    return line.replace(b"\n", b" ")


@given(st.lists(written(), min_size=1, max_size=9), st.integers(1, 9))
def test_both_ways_have_the_same_result(lines: list[bytes], first_line: int) -> None:
    assert_same(block_of(lines, first_line))


def test_negative_numbers_are_encoded_where_the_source_allows_them() -> None:
    block = block_of([GOOD.replace("1.5", "-1.5")])
    found = encoder(signed=True)(block.data, TS_END)
    assert found is not None
    assert [row.kwh for row in found.lines.rows()] == [-1.5]  # type: ignore[attr-defined]
    assert encoded(GOOD.replace("1.5", "-1.5")).doubts == [0]


def test_a_row_in_doubt_keeps_its_place_among_the_others() -> None:
    """Of two versions of a reading in a body the later line wins, whichever way each goes."""
    odd = GOOD.replace("m-1", "m\\u002d1")
    for lines in (
        [GOOD, odd.replace("1.5", "2"), GOOD.replace("1.5", "3")],
        [odd, GOOD, "", odd.replace("1.5", "4"), odd, "nonsense", GOOD, odd],
        [odd, odd],
    ):
        assert assert_same(block_of(lines, first_line=3)).lines is not None


def test_bad_lines_do_not_stop_the_others_from_being_encoded() -> None:
    lines = [GOOD if index % 20 else "nonsense" for index in range(400)]
    found = assert_same(block_of(lines, first_line=5))
    assert found.lines is not None
    assert len(found.lines) == 380
    assert [error.position for error in found.errors] == list(range(5, 405, 20))


def test_where_most_lines_are_in_doubt_the_decoder_reads_all() -> None:
    block = block_of([GOOD.replace("m-1", "\\u006d")] * 40)
    assert ENCODE(block.data, TS_END) is None
    assert assert_same(block).lines is None


def test_lines_without_a_row_are_no_lines() -> None:
    found = assert_same(block_of(["nonsense", "", "[]"]))
    assert found.lines is None
    assert (found.row_count, found.line_count) == (0, 2)


def test_errors_of_tiny_lines_say_the_same() -> None:
    assert_same(block_of(['{"ts":"2', "\r"], first_line=1000))
    assert_same(block_of(['{"ts":"2', "", "", GOOD], first_line=2))


def test_mark_at_the_start_of_a_body_is_skipped() -> None:
    data = b"\xef\xbb\xbf" + GOOD.encode() + b"\n"
    assert assert_same(LineBlock.of(data, 1)).lines is not None
    assert assert_same(LineBlock.of(data, 2)).errors


def test_days_are_those_of_the_rows() -> None:
    lines = [GOOD.replace("05-01", f"05-{day:02d}") for day in (1, 2, 1, 9, 9)]
    assert encoded(*lines, "nonsense").days == {19844, 19845, 19852}
    assert encoded(GOOD.replace("00:00:00Z", "00:30:00+01:00")).days == {19843}


def test_the_latest_time_holds() -> None:
    end = datetime.fromisoformat("2024-05-01T00:00:00Z")
    found = ENCODE(block_of([GOOD, GOOD.replace("05-01", "04-30")]).data, end)
    assert found is not None
    assert found.doubts == [0]
