"""Lines to records: exact line numbers and every code."""

from datetime import UTC, datetime

import pytest

from utility_ts_analytics.reading.decoder_gaps import needs_plain_path
from utility_ts_analytics.reading.lines import LineBlock
from utility_ts_analytics.reading.ndjson import Decoded, NdjsonDecoder
from utility_ts_analytics.reading.summary import ERRORS_LISTED_MAX
from utility_ts_analytics.records.event_id import assign_event_ids
from utility_ts_analytics.records.streams import (
    STREAMS,
    GenerationOutput,
    MeterUsage,
)
from utility_ts_analytics.records.validation import TS_END, RowError, latest_ts

SPEC = STREAMS["meter_usage"]
DECODER = NdjsonDecoder(SPEC, SPEC.record_type)
GOOD = b'{"ts":"2024-05-01T00:00:00Z","meter_id":"m-1","kwh":1.5}'
FULL = (
    b'{"ts":"2024-05-01T02:15:00.123456+02:00","meter_id":"m-1","kwh":1.5,"premise_id":"p-1",'
    b'"kvarh":-0.25,"kva_demand":7,"quality_flag":"VALID","source_system":"HES-1",'
    b'"event_id":"6E8BC430-9C3A-11D9-9669-0800200C9A66","unknown":[1,{"x":null}]}'
)


def decode(data: bytes, first_line: int = 1, ts_end: datetime = TS_END) -> Decoded:
    return DECODER.decode(LineBlock.of(data, first_line), ts_end=ts_end)


def outcome(decoded: Decoded) -> tuple[list[int], list[tuple[int, str, str | None]]]:
    assert len(decoded.rows) == len(decoded.positions)
    assert decoded.line_count == len(decoded.rows) + len(decoded.errors)
    errors = [(error.position, str(error.code), error.field) for error in decoded.errors]
    return list(decoded.positions), errors


def test_full_record_keeps_every_value() -> None:
    (row,) = decode(FULL + b"\n").rows
    assert row == MeterUsage(
        ts=datetime(2024, 5, 1, 0, 15, 0, 123456, tzinfo=UTC),
        event_id="6e8bc430-9c3a-11d9-9669-0800200c9a66",
        meter_id="m-1",
        kwh=1.5,
        premise_id="p-1",
        kvarh=-0.25,
        kva_demand=7.0,
        quality_flag="VALID",
        source_system="HES-1",
    )


def test_other_stream_is_decoded_by_its_own_type() -> None:
    spec = STREAMS["generation_output"]
    decoder = NdjsonDecoder(spec, spec.record_type)
    line = b'{"ts":"2024-05-01T00:00:00Z","plant_id":"p","mw":3,"unit_id":null}\n'
    (row,) = decoder.decode(LineBlock.of(line, 1), ts_end=TS_END).rows
    expected = GenerationOutput(ts=datetime(2024, 5, 1, tzinfo=UTC), plant_id="p", mw=3.0)
    assign_event_ids([expected], stream_number=spec.number)
    assert row == expected


def test_negative_energy_is_taken_where_the_source_allows_it() -> None:
    line = LineBlock.of(GOOD.replace(b"1.5", b"-1.5") + b"\n", 1)
    assert outcome(DECODER.decode(line, ts_end=TS_END)) == ([], [(1, "negative-value", "kwh")])
    signed = NdjsonDecoder(SPEC, SPEC.signed_record_type)
    (row,) = signed.decode(line, ts_end=TS_END).rows
    assert type(row) is SPEC.signed_record_type
    assert isinstance(row, MeterUsage)
    assert row.kwh == -1.5


def test_clean_block_numbers_its_rows_from_its_first_line() -> None:
    decoded = decode((GOOD + b"\n") * 3, first_line=41)
    assert outcome(decoded) == ([41, 42, 43], [])
    assert decoded.size_bytes == 3 * (len(GOOD) + 1)
    assert len({row.event_id for row in decoded.rows}) == 1


def test_rows_before_a_failure_are_kept() -> None:
    data = b"\n".join([GOOD, GOOD, b"nonsense", GOOD, b"[]", b"{}", GOOD, b""])
    assert outcome(decode(data, first_line=10)) == (
        [10, 11, 13, 16],
        [(12, "invalid-json", None), (14, "wrong-type", None), (15, "missing-field", "ts")],
    )


def test_blank_lines_are_numbered_but_are_neither_rows_nor_errors() -> None:
    data = b"\n \t\r\n" + GOOD + b"\n\r\n" + GOOD + b"\n\n"
    decoded = decode(data)
    assert outcome(decoded) == ([3, 5], [])
    assert decoded.line_count == 2


@pytest.mark.parametrize("blank", [b"\x0b", b"\x0c", b"\xc2\xa0", b"\x00"])
def test_what_json_does_not_call_blank_is_invalid_json(blank: bytes) -> None:
    assert outcome(decode(blank + b"\n")) == ([], [(1, "invalid-json", None)])


@pytest.mark.parametrize("end", [b"\r\n", b" \t\n", b"\r\r\n"])
def test_line_ends_and_blanks_around_a_record_are_fine(end: bytes) -> None:
    assert outcome(decode((b" \t" + GOOD + end) * 2)) == ([1, 2], [])


def test_two_objects_on_one_line_are_invalid_json() -> None:
    data = GOOD + b" " + GOOD + b"\n" + GOOD + b"\n"
    assert outcome(decode(data)) == ([2], [(1, "invalid-json", None)])


def test_object_over_two_lines_is_two_errors_and_balances_nothing() -> None:
    """As many objects as lines, and still each line is judged by itself."""
    data = GOOD + GOOD + b"\n" + GOOD.replace(b",", b",\n", 1) + b"\n"
    assert outcome(decode(data)) == (
        [],
        [(1, "invalid-json", None), (2, "invalid-json", None), (3, "invalid-json", None)],
    )


def test_byte_order_mark_is_skipped_on_the_first_line_only() -> None:
    marked = b"\xef\xbb\xbf" + GOOD + b"\n"
    assert outcome(decode(marked)) == ([1], [])
    assert outcome(decode(b"\xef\xbb\xbf\n" + GOOD + b"\n")) == ([2], [])
    assert outcome(decode(marked, first_line=2)) == ([], [(2, "invalid-json", None)])
    assert outcome(decode(GOOD + b"\n" + marked)) == ([1], [(2, "invalid-json", None)])
    assert decode(marked).size_bytes == len(marked)


@pytest.mark.parametrize("bad", [b"\xff", b"\xed\xa0\x80", b"\xc3", b"\xf5\x80\x80\x80"])
@pytest.mark.parametrize(
    "text", [b',"meter_id":"@"}', b',"unknown":"@"}', b',"@":1}', b"} @", b',"meter_id":1,"x":"@']
)
def test_bad_utf8_anywhere_in_a_line_is_invalid_utf8(text: bytes, bad: bytes) -> None:
    line = GOOD[:-1] + text.replace(b"@", bad)
    data = GOOD + b"\n" + line + b"\n" + GOOD + b"\n"
    assert outcome(decode(data)) == ([1, 3], [(2, "invalid-utf8", None)])


def test_escaped_null_character_is_forbidden_in_every_text() -> None:
    for field in ("meter_id", "premise_id", "quality_flag", "source_system", "event_id"):
        line = GOOD[:-1] + f',"{field}":"a\\u0000"}}'.encode()
        expected = ([1], [(2, "forbidden-character", field)])
        assert outcome(decode(GOOD + b"\n" + line + b"\n")) == expected


def test_text_that_only_spells_the_escape_is_kept() -> None:
    line = GOOD.replace(b"m-1", rb"m\\u0000")
    (row,) = decode(line + b"\n").rows
    assert isinstance(row, MeterUsage)
    assert row.meter_id == r"m\u0000"


def test_escaped_null_character_in_an_unknown_field_is_ignored_with_it() -> None:
    assert outcome(decode(GOOD[:-1] + b',"x":"\\u0000"}\n')) == ([1], [])


@pytest.mark.parametrize(
    ("ts", "fits"),
    [
        ("2000-01-01T00:00:00Z", True),
        ("1999-12-31T23:59:59.999999Z", False),
        ("2000-01-01T00:59:59+01:00", False),
        ("2099-12-31T23:59:59.999999Z", True),
        ("2100-01-01T00:00:00Z", False),
        ("2100-01-01T00:59:59+01:00", True),
        ("0001-01-01T00:00:00+23:59", False),
        ("0001-01-01T00:00:00-23:59", False),
        ("9999-12-31T23:59:59-23:59", False),
        ("9999-12-31T23:59:59+23:59", False),
    ],
)
def test_instant_must_be_in_the_range(ts: str, fits: bool) -> None:
    line = GOOD.replace(b"2024-05-01T00:00:00Z", ts.encode())
    expected = ([1, 2, 3], []) if fits else ([1, 3], [(2, "timestamp-out-of-range", "ts")])
    assert outcome(decode(b"\n".join([GOOD, line, GOOD, b""]))) == expected


def test_reading_from_the_future_is_refused_where_the_source_says_so() -> None:
    now_ns = int(datetime(2024, 4, 30, 23, 0, tzinfo=UTC).timestamp()) * 1_000_000_000
    assert outcome(decode(GOOD + b"\n", ts_end=latest_ts(now_ns, 60))) == ([1], [])
    decoded = decode(GOOD + b"\n", ts_end=latest_ts(now_ns, 59))
    assert outcome(decoded) == ([], [(1, "timestamp-out-of-range", "ts")])
    assert "max_future_minutes" in decoded.errors[0].detail


def test_range_is_judged_in_a_block_with_other_errors_too() -> None:
    old = GOOD.replace(b"2024", b"1924")
    data = b"\n".join([old, b"{", GOOD, b"", old, b""])
    out_of_range = "timestamp-out-of-range"
    assert outcome(decode(data)) == (
        [3],
        [(1, out_of_range, "ts"), (2, "invalid-json", None), (5, out_of_range, "ts")],
    )


@pytest.mark.parametrize("odd", [False, True], ids=["quickly", "plainly"])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"x":', b"}")])
@pytest.mark.parametrize("depth", [1_001, 100_000])
def test_deep_nesting_is_invalid_json_and_takes_no_other_line_with_it(
    depth: int, opening: bytes, closing: bytes, odd: bool
) -> None:
    value = opening * depth + b"1" + closing * depth
    last = GOOD[:-1] + (rb',"x":"\u0000"}' if odd else b"}")
    assert needs_plain_path(last) == odd
    lines = [GOOD, GOOD[:-1] + b',"x":' + value + b"}", value, opening * depth, last, b""]
    deep = [(number, "invalid-json", None) for number in (2, 3, 4)]
    assert outcome(decode(b"\n".join(lines))) == ([1, 5], deep)


def test_nesting_that_nobody_writes_by_mistake_is_skipped() -> None:
    """The bound is the interpreter's, about 1,000 less the depth of the caller."""
    line = GOOD[:-1] + b',"x":' + b"[" * 500 + b"]" * 500 + b"}"
    assert outcome(decode(line)) == ([1], [])


def test_equal_readings_get_equal_ids_however_they_are_written() -> None:
    lines = [
        b'{"ts":"2024-05-01T00:00:00Z","meter_id":"\xc3\xa9","kwh":0,"kvarh":2}',
        b'{ "kwh" : -0.0, "kvarh":2.0, "meter_id":"\\u00e9", "ts":"2024-05-01T02:00:00+02:00"}',
        b'{"kwh":0.0,"x":1,"kvarh":20e-1,"meter_id":"\xc3\xa9","ts":"2024-04-30 23:30:00-00:30",'
        b'"premise_id":null}',
    ]
    rows = decode(b"\n".join([*lines, b""])).rows
    assert len(rows) == 3
    assert len({row.event_id for row in rows}) == 1


def test_line_that_was_never_decoded_is_one_error() -> None:
    error = RowError(3, "line-too-long", None, "why")
    assert Decoded.of_error(error) == Decoded((), (), (error,), 1, 0)


def test_only_bad_utf8_and_escaped_null_characters_are_odd() -> None:
    assert not needs_plain_path(GOOD)
    assert not needs_plain_path(rb'{"x":"\u0001\n"}')
    assert not needs_plain_path("é".encode())
    assert needs_plain_path(b"\xff")
    assert needs_plain_path(rb'{"x":"\u0000"}')


@pytest.mark.parametrize("data", [b"\n", b"\n" * 1_000, b" \t\r\n\n", b"\xef\xbb\xbf\n\n"])
def test_block_of_blank_lines_is_no_rows_and_all_of_its_bytes(data: bytes) -> None:
    assert decode(data) == Decoded((), (), (), 0, len(data))


def test_lines_between_many_blank_ones_keep_their_numbers() -> None:
    data = b"\n" * 500 + GOOD.rstrip() + b"\n\n \r\n" + b"\n" * 300 + b"  x\n" + b"\n" * 200
    decoded = decode(data, 7)
    assert outcome(decoded) == ([507], [(810, "invalid-json", None)])
    assert (decoded.line_count, decoded.size_bytes) == (2, len(data))


def test_bad_lines_that_repeat_have_each_their_number_and_the_same_fault() -> None:
    lines = [b"x\n", b"x\n", b"{}\n", b"\n", b"x\n", GOOD.rstrip() + b"\n", b"{}\n", b"{}\n"]
    decoded = decode(b"".join(lines * 3), 1)
    alone = [error for n, line in enumerate(lines * 3, 1) for error in decode(line, n).errors]
    assert list(decoded.errors) == alone
    assert list(decoded.positions) == [6, 14, 22]


def test_blanks_that_json_does_not_know_are_no_blank_line() -> None:
    assert [error.code for error in decode(b"\x0b\n\x0c\n").errors] == ["invalid-json"] * 2


@pytest.mark.parametrize("odd", [b"", b'{"x":"\xff"}\n'])
def test_flood_is_looked_at_closely_no_longer_than_an_answer_lists_it(odd: bytes) -> None:
    """On both paths: the sentences become plainer, codes and fields stay."""
    lines = [b'[%d,"\xe4\xb8\xad"]\n' % n for n in range(300)]
    errors = decode(odd + b"".join(lines)).errors[len(odd) > 0 :]
    details = [error.detail for error in errors]
    assert len(details) == 300
    assert {error.code for error in errors} == {"wrong-type"}
    assert details.count("a record must be a JSON object, not an array") in (127, 128)
    assert len(set(details[:ERRORS_LISTED_MAX])) == len(set(details[-100:])) == 1
