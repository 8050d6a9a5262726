"""Law 2 over generated lines: both paths agree, and every line is accounted for."""

import json
from datetime import datetime
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from utility_ts_analytics.reading.lines import LineBlock, LineSplitter
from utility_ts_analytics.reading.ndjson import Decoded, NdjsonDecoder
from utility_ts_analytics.reading.summary import ReadSummary
from utility_ts_analytics.records.event_id import assign_event_ids
from utility_ts_analytics.records.streams import STREAMS
from utility_ts_analytics.records.validation import TS_END

SPEC = STREAMS["meter_usage"]
DECODER = NdjsonDecoder(SPEC, SPEC.record_type)
GOOD = b'{"ts":"2024-05-01T00:00:00Z","meter_id":"m-1","kwh":1.5}'


def decode(data: bytes, first_line: int = 1) -> Decoded:
    return DECODER.decode(LineBlock.of(data, first_line), ts_end=TS_END)


class Sample(NamedTuple):
    """A line and what must become of it: a code, "row", or "blank"."""

    line: bytes
    expected: str


texts = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=12
)
blanks = st.text(st.sampled_from(" \t\n\x1f\x85\xa0\u2003\u3000"), min_size=1, max_size=3)
instants = st.datetimes(
    datetime(2000, 1, 2),
    datetime(2099, 12, 30),
    timezones=st.timezones(),
)
optional: dict[str, st.SearchStrategy[str | float | None]] = {
    "premise_id": st.none() | texts,
    "kvarh": st.none() | st.floats(allow_nan=False, allow_infinity=False),
    "quality_flag": st.none() | texts,
    "event_id": st.none() | texts | st.uuids().map(str),
    "unknown": st.none() | texts,
}


def written(instant: datetime) -> str:
    """Write an offset in whole minutes: time zones of the 19th century have seconds."""
    return instant.isoformat()[:-3] if len(instant.strftime("%z")) > 5 else instant.isoformat()


@st.composite
def good_lines(draw: st.DrawFn) -> Sample:
    record: dict[str, str | float | None] = {
        "ts": written(draw(instants)),
        "meter_id": draw(texts | blanks),
        "kwh": draw(st.floats(0, 1e300) | st.integers(0, 10**18)),
        **draw(st.fixed_dictionaries({}, optional=optional)),
    }
    keys = draw(st.permutations(list(record)))
    separators = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\t", "\r:  ")]))
    text = json.dumps(
        {key: record[key] for key in keys}, ensure_ascii=draw(st.booleans()), separators=separators
    )
    around = draw(st.sampled_from([b"", b"", b" ", b"\t"]))
    expected = "text-length" if str(record["meter_id"]).isspace() else "row"
    return Sample(around + text.encode() + around, expected)


bad_lines = st.sampled_from(
    [
        Sample(GOOD + GOOD, "invalid-json"),
        Sample(GOOD + b" " + GOOD, "invalid-json"),
        Sample(GOOD[:-4], "invalid-json"),
        Sample(b'{"ts":"2024-05-01T00:00:00Z",', "invalid-json"),
        Sample(b'"meter_id":"m","kwh":1}', "invalid-json"),
        Sample(GOOD.replace(b"1.5", b"NaN"), "invalid-json"),
        Sample(GOOD.replace(b"1.5", b'"x"')[:-1], "invalid-json"),
        Sample(GOOD.replace(b"m-1", b"m\x01"), "invalid-json"),
        Sample(GOOD.replace(b"m-1", b"\\ud800"), "invalid-json"),
        Sample(b"[" * 50_000, "invalid-json"),
        Sample(GOOD[:-1] + b',"x":"\xff"}', "invalid-utf8"),
        Sample(GOOD.replace(b"m-1", b"\xc3"), "invalid-utf8"),
        Sample(b"{\xff", "invalid-utf8"),
        Sample(b"{}", "missing-field"),
        Sample(GOOD.replace(b"kwh", b"kWh"), "missing-field"),
        Sample(b"[]", "wrong-type"),
        Sample(b"null", "wrong-type"),
        Sample(GOOD.replace(b"1.5", b"null"), "wrong-type"),
        Sample(GOOD.replace(b"00Z", b"00"), "invalid-timestamp"),
        Sample(GOOD.replace(b"00Z", b"00+0100"), "invalid-timestamp"),
        Sample(GOOD.replace(b"00Z", b"00.5-0000"), "invalid-timestamp"),
        Sample(GOOD.replace(b"00Z", b"00\\u002b0100"), "invalid-timestamp"),
        Sample(GOOD.replace(b"2024", b"1999"), "timestamp-out-of-range"),
        Sample(GOOD.replace(b"2024", b"0001"), "timestamp-out-of-range"),
        Sample(GOOD.replace(b"2024", b"9999"), "timestamp-out-of-range"),
        Sample(GOOD.replace(b"1.5", b"1e999"), "invalid-number"),
        Sample(GOOD.replace(b"1.5", b"-1.5"), "negative-value"),
        Sample(GOOD.replace(b"m-1", b""), "text-length"),
        Sample(GOOD.replace(b"m-1", b" "), "text-length"),
        Sample(GOOD.replace(b"m-1", b"\\t\xe3\x80\x80"), "text-length"),
        Sample(GOOD.replace(b"m-1", b"\\u0000"), "forbidden-character"),
    ]
)
blank_lines = st.sampled_from([Sample(b"", "blank"), Sample(b" \t\r", "blank")])
samples = st.lists(
    st.one_of(good_lines(), good_lines(), good_lines(), bad_lines, blank_lines), max_size=12
)


def plainly(lines: list[bytes], first_line: int) -> Decoded:
    """Judge every line by itself, on the path that asks every question."""
    rows, positions, errors = DECODER._read_plainly(
        lines, range(first_line, first_line + len(lines)), TS_END
    )
    assign_event_ids(rows, stream_number=SPEC.number)
    size_bytes = sum(map(len, lines)) + len(lines)
    return Decoded(rows, positions, errors, len(rows) + len(errors), size_bytes)


@given(samples, st.sampled_from([b"\n", b"\r\n"]), st.integers(1, 9))
def test_quick_path_equals_plain_path(lines: list[Sample], end: bytes, first: int) -> None:
    data = b"".join(sample.line + end for sample in lines)
    quick = decode(data, first_line=first)
    plain = plainly(data.split(b"\n")[:-1], first)
    assert list(quick.rows) == list(plain.rows)
    assert list(quick.positions) == list(plain.positions)
    assert [(e.position, e.code, e.field) for e in quick.errors] == [
        (e.position, e.code, e.field) for e in plain.errors
    ]
    assert (quick.line_count, quick.size_bytes) == (plain.line_count, plain.size_bytes)


@given(samples)
def test_each_line_is_blank_a_row_or_the_error_it_should_be(lines: list[Sample]) -> None:
    """Law 2: accepted + errors = non-blank lines; strict has something to raise iff errors > 0."""
    decoded = decode(b"".join(sample.line + b"\n" for sample in lines))
    judged = dict.fromkeys(decoded.positions, "row")
    judged |= {error.position: error.code for error in decoded.errors}
    expected = {n: s.expected for n, s in enumerate(lines, 1) if s.expected != "blank"}
    assert judged == expected
    assert decoded.line_count == len(expected) == len(decoded.rows) + len(decoded.errors)
    assert bool(decoded.errors) == any(code != "row" for code in expected.values())


@given(samples, st.integers(1, 400), st.integers(1, 300))
def test_books_of_a_body_balance_in_any_chunking(
    lines: list[Sample], chunk_bytes: int, block_bytes_max: int
) -> None:
    body = b"\n".join(sample.line for sample in lines)
    splitter = LineSplitter(1 << 20, block_bytes_max)
    summary = ReadSummary()
    chunks = [body[i : i + chunk_bytes] for i in range(0, len(body), chunk_bytes)]
    parts = [part for chunk in chunks for part in splitter.feed(chunk)]
    for part in [*parts, *splitter.finish()]:
        assert isinstance(part, LineBlock)
        summary.add(DECODER.decode(part, ts_end=TS_END))
    expected = [sample.expected for sample in lines if sample.expected != "blank"]
    assert summary.lines == len(expected)
    assert summary.valid_rows == expected.count("row")
    assert summary.parse_errors + summary.rejected == len(expected) - expected.count("row")
    assert [e.code for e in summary.errors] == [code for code in expected if code != "row"]
