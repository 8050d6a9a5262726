"""Array bodies: elements are judged as lines are, the body as a whole must be JSON."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utility_ts_analytics.errors import InvalidJson
from utility_ts_analytics.reading.json_array import SLICE_ROWS, array_part_end, decode_array
from utility_ts_analytics.reading.lines import LineBlock
from utility_ts_analytics.reading.ndjson import Decoded, NdjsonDecoder
from utility_ts_analytics.records import native
from utility_ts_analytics.records.streams import STREAMS
from utility_ts_analytics.records.validation import TS_END

SPEC = STREAMS["generation_output"]
DECODER = NdjsonDecoder(SPEC, SPEC.record_type)
GOOD = b'{"ts":"2024-05-01T00:00:00Z","plant_id":"p-1","mw":1.5}'


def decode(body: bytes) -> list[Decoded]:
    return list(decode_array(body, DECODER, ts_end=TS_END))


def outcome(body: bytes) -> tuple[list[int], list[tuple[int, str, str | None]]]:
    parts = decode(body)
    errors = [(e.position, str(e.code), e.field) for part in parts for e in part.errors]
    return [position for part in parts for position in part.positions], errors


def test_elements_are_numbered_from_zero() -> None:
    assert outcome(b"[" + GOOD + b"," + GOOD + b"]") == ([0, 1], [])


def test_one_object_is_element_zero() -> None:
    assert outcome(b" \r\n" + GOOD + b"\n") == ([0], [])
    assert outcome(b"{}") == ([], [(0, "missing-field", "ts")])


def test_empty_array_has_no_elements() -> None:
    assert decode(b"[]") == []
    assert decode(b" [\n] ") == []


def test_layout_of_the_array_does_not_matter() -> None:
    pretty = GOOD.replace(b",", b",\n  ")
    assert outcome(b"\xef\xbb\xbf\n[\n " + pretty + b"\r\n,\n" + pretty + b"\n]\n") == ([0, 1], [])


def test_bad_elements_are_reported_by_index_and_the_others_taken() -> None:
    elements = [
        GOOD,
        b"{}",
        GOOD.replace(b"1.5", b"-1"),
        b"[]",
        GOOD.replace(b"2024", b"0001"),
        GOOD.replace(b"p-1", b"\\u0000"),
        b"null",
        GOOD,
        GOOD.replace(b"p-1", b"\xff"),
        GOOD[:-1] + b',"x":"\xff"}',
    ]
    assert outcome(b"[" + b" , ".join(elements) + b"]") == (
        [0, 7],
        [
            (1, "missing-field", "ts"),
            (2, "negative-value", "mw"),
            (3, "wrong-type", None),
            (4, "timestamp-out-of-range", "ts"),
            (5, "forbidden-character", "plant_id"),
            (6, "wrong-type", None),
            (8, "invalid-utf8", None),
            (9, "invalid-utf8", None),
        ],
    )


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", "it is empty"),
        (b" \n\xef", "near byte"),
        (b"\xef\xbb\xbf \n", "it is empty"),
        (b"nonsense", "near byte 1"),
        (b"[", "ends before its JSON does"),
        (b"[" + GOOD, "ends before its JSON does"),
        (b"[" + GOOD + b",]", "near byte"),
        (b"[" + GOOD + b"]]", "near byte"),
        (b"[" + GOOD + b"\n" + GOOD + b"]", "near byte"),
        (GOOD + b"\n" + GOOD, "a second JSON value stands behind the first"),
        (GOOD + b"," + GOOD, "behind the record stands a comma"),
        (b"'" + GOOD + b"'", "names and texts must stand in double quotes near byte 0"),
        (b'"{}"', "not a text that holds one"),
        (GOOD[:-1], "ends before its JSON does"),
        (b"[" + GOOD.replace(b"1.5", b"NaN") + b"]", "near byte"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"x":' * 100_000, "nested too deeply"),
        (b"17", "must be an array of records or one record"),
        (b"null", "must be an array of records or one record"),
        (b'"text"', "must be an array of records or one record"),
    ],
)
def test_body_that_is_no_array_of_records_is_refused_at_the_call(body: bytes, detail: str) -> None:
    with pytest.raises(InvalidJson, match=f"^cannot read the body: .*{detail}"):
        decode_array(body, DECODER, ts_end=TS_END)


def test_long_array_comes_in_slices_that_add_up() -> None:
    body = b"[" + b",".join([GOOD] * (2 * SLICE_ROWS + 1)) + b"]"
    parts = decode(body)
    assert [part.line_count for part in parts] == [SLICE_ROWS, SLICE_ROWS, 1]
    assert [part.positions[0] for part in parts] == [0, SLICE_ROWS, 2 * SLICE_ROWS]
    assert sum(part.size_bytes for part in parts) == len(body)


element = st.sampled_from(
    [
        GOOD,
        GOOD.replace(b"p-1", "größe".encode()),
        GOOD.replace(b"p-1", b"\\u00e9"),
        b"{}",
        b"3",
        GOOD.replace(b"1.5", b"1e999"),
        GOOD.replace(b"2024", b"9999"),
        GOOD.replace(b"p-1", b"a\\u0000"),
        GOOD.replace(b"p-1", b"\xff"),
    ]
)


@given(st.lists(element, min_size=1, max_size=12))
def test_elements_come_to_the_same_as_lines(elements: list[bytes]) -> None:
    lines = b"".join(text + b"\n" for text in elements)
    expected = DECODER.decode(LineBlock.of(lines, 1), ts_end=TS_END)
    (part,) = decode(b"[" + b",".join(elements) + b"]")
    assert list(part.rows) == list(expected.rows)
    assert list(part.positions) == [line - 1 for line in expected.positions]
    assert [(e.position + 1, e.code, e.field, e.detail) for e in part.errors] == [
        (e.position, e.code, e.field, e.detail) for e in expected.errors
    ]


def test_array_of_tiny_elements_takes_a_small_multiple_of_its_size() -> None:
    body = b"[" + b"1," * 500_000 + b"1]"
    tracemalloc.start()
    try:
        slices = decode_array(body, DECODER, ts_end=TS_END)
        next(slices)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2 * len(body)  # it was 36 times


@pytest.mark.parametrize("count", [1, 2, 3])
def test_compiled_and_plain_version_cut_an_array_alike(count: int) -> None:
    if native.array_part_end is None:
        pytest.skip("the package was installed without a compiler")
    for text in (b"[]", b"[ 1 , 2,3 ]", rb'[{"a":"]},\"["},[1,[2]],"\\",{}]', b'["\xc3\xa9,",1]'):
        start = 1
        while start < len(text):
            end = array_part_end(text, start, count)
            assert native.array_part_end(text, start, count) == end
            start = end + 1
    assert native.array_part_end(b'["\\', 1, 1) == 3  # within the text, whatever it is
