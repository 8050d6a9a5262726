"""JSON documents: arrays of any size element by element, other documents as one record."""

import json
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.unit.files.format_rig import TableRead, file_of, read_table

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.tables import json_tables
from utility_ts_analytics.files.tables.contract import BLOCK_ROWS_MAX
from utility_ts_analytics.files.tables.file_bytes import FileBytes
from utility_ts_analytics.files.tables.json_tables import (
    JsonArrayTable,
    JsonDocumentTable,
    array_elements,
)
from utility_ts_analytics.files.tables.text import TextFile

MIB = 1_048_576


class InChunks(TextFile):
    """A text that comes in chunks of any size."""

    def __init__(self, chunks: Sequence[bytes]) -> None:
        super().__init__(FileBytes(Path("a.json")), "utf-8", 1_000)
        self._chunks = chunks

    def chunks(self) -> Iterator[bytes]:
        yield from self._chunks


def cut(content: bytes, size: int) -> list[bytes]:
    return [content[start : start + size] for start in range(0, len(content), size)]


def elements(content: bytes, size: int) -> list[bytes]:
    found: list[bytes] = []
    total = 0
    for texts, first, size_bytes in array_elements(InChunks(cut(content, size))):
        assert first == len(found) + 1
        found += texts
        total += size_bytes
    assert total <= len(content)
    return found


def text_of(tmp_path: Path, content: str | bytes, name: str = "a.json") -> TextFile:
    return TextFile(file_of(tmp_path, name, content), "utf-8", 100_000)


def read(tmp_path: Path, content: str | bytes, name: str = "a.json") -> TableRead:
    return read_table(JsonArrayTable(text_of(tmp_path, content, name)))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text('"\\[]{},: \né\x00', max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text('"\\]},', max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    st.lists(VALUES, max_size=6),
    st.sampled_from([None, 1]),
    st.booleans(),
    st.integers(1, 40),
)
@example([{"a": 1}, {"a": [{"b": 1}, {"b": 2}]}], None, True, 12)
@settings(max_examples=600, deadline=None)
def test_elements_are_those_of_the_array_wherever_chunks_end(
    values: list[object], indent: int | None, ascii_only: bool, size: int
) -> None:
    content = json.dumps(values, indent=indent, ensure_ascii=ascii_only).encode()
    found = elements(b" \n" + content + b"\r\n ", size)
    assert [json.loads(text) for text in found] == values
    assert all(text == text.strip() for text in found)


PIECES = st.sampled_from(
    ["{", "}", "[", "]", ",", '"', "\\", "1", ' "a":', " ", '{"a":1}', '{"a":1},', "[1],", '"]"']
)


@given(st.lists(PIECES, max_size=20).map("".join), st.integers(1, 12))
@settings(max_examples=600, deadline=None)
def test_borders_of_chunks_change_nothing_whatever_the_text_is(text: str, size: int) -> None:
    def outcome(size: int) -> tuple[list[bytes], str]:
        found: list[bytes] = []
        try:
            for texts, _, _ in array_elements(InChunks(cut(content, size))):
                found += texts
        except OperatorError as error:
            return found, str(error).partition(":")[0].partition(",")[0]
        return found, ""

    content = f"[{text}".encode()
    whole, small = outcome(10_000), outcome(size)
    assert whole[1] == small[1]
    # Elements before a fault may come or not, as chunks end; without one they are the same.
    shorter, longer = sorted((whole[0], small[0]), key=len)
    assert longer[: len(shorter)] == shorter
    if not whole[1]:
        assert whole == small


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 1_000])
@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("[]", []),
        ("[ \n]", []),
        ("[1,]", [b"1", b","]),
        ("[1 , ]", [b"1", b","]),
        ("[,]", [b",", b","]),
        ("[1,,2]", [b"1", b",", b"2"]),
        ('[{"a":1} {"b":2}, 3]', [b'{"a":1} {"b":2}', b"3"]),
        ('[{"a":"]"},[[]],"\\"]"]', [b'{"a":"]"}', b"[[]]", b'"\\"]"']),
    ],
)
def test_what_stands_between_commas_is_an_element(
    content: str, found: list[bytes], size: int
) -> None:
    assert elements(content.encode(), size) == found


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", ": it is empty"),
        (" \n\t", ": it is empty"),
        ("5", ": it is no JSON array; one object a line is ndjson"),
        ("[1,2", ", record 2: the file ends before its array does"),
        ("[", ", record 1: the file ends before its array does"),
        ('[{"a":1},{"a":', ", record 2: the file ends before its array does"),
        ("[1,2] x", ": something follows its array, behind record 2"),
        ("[1][2]", ": something follows its array, behind record 1"),
    ],
)
def test_file_that_is_no_array_is_told(tmp_path: Path, content: str, reason: str) -> None:
    with pytest.raises(OperatorError) as told:
        read(tmp_path, content)
    assert str(told.value).startswith(f"cannot read {tmp_path / 'a.json'}{reason}")


def test_something_far_behind_the_array_is_told() -> None:
    with pytest.raises(OperatorError, match="something follows"):
        elements(b"[1]" + b"\n" * 50 + b"2", 4)


def test_element_over_the_bound_ends_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_tables, "ELEMENT_BYTES_MAX", 50)
    with pytest.raises(OperatorError, match="record 2: it is over 50 bytes"):
        elements(b'[1,"' + b"x" * 100 + b'"]', 10)


def test_elements_that_are_no_json_are_refused_as_lines(tmp_path: Path) -> None:
    content = b'[\n {"a": 1},\n {"a":\n 01},\n {"a": "\xff"},\n [1,\n 2],\n]'
    found = read(tmp_path, content)
    assert found.rows == [{"rec": 1, "j": '{"a": 1}'}, {"rec": 4, "j": "[1,\n 2]"}]
    assert found.texts == [b'{"a":1}\n', b"[1,2]\n"]
    assert found.lines == [None, None]
    assert found.codes == [
        (2, "invalid-json", None),
        (3, "invalid-utf8", None),
        (5, "invalid-json", None),
    ]
    assert [one.text for one in found.refused] == [b'{"a":  01}\n', b'{"a":"\xff"}\n', b",\n"]
    assert [one.line for one in found.refused] == [None, None, None]


@pytest.mark.parametrize("name", ["a.json.ndjson", "a.ndjson.gz", "a.jsonl", "A.NDJSON"])
def test_file_of_refused_records_is_read_a_record_a_line(tmp_path: Path, name: str) -> None:
    """Whatever its first record is: an array of arrays has arrays for lines."""
    found = read(tmp_path, b'[1,2]\n{"a":1}\n,\n[3\n', name)
    assert found.values("j") == ["[1,2]", '{"a":1}']
    assert found.codes == [(3, "invalid-json", None), (4, "invalid-json", None)]
    assert found.lines == [1, 2]


def test_file_that_begins_with_an_object_is_read_a_record_a_line(tmp_path: Path) -> None:
    assert read(tmp_path, '\ufeff\n{"a":1}\n{"a":2}\n').values("rec") == [2, 3]


def test_deep_nesting_costs_its_element(tmp_path: Path) -> None:
    deep = "[" * 100_000 + "]" * 100_000
    found = read(tmp_path, f'[{{"a":1}},{deep},{{"a":2}}]')
    assert found.values("rec") == [1, 3]
    assert [(one.rec, one.detail) for one in found.refused] == [
        (2, "the text is nested too deeply")
    ]


@pytest.mark.parametrize("element", ['{"ts":%d,"v":1.5}', "[%d,1.5]", "%d", '{"l":[{"x":%d}]}'])
def test_many_small_elements_take_little_time_and_memory(tmp_path: Path, element: str) -> None:
    count = 200_000
    text = text_of(tmp_path, "[" + ",\n".join(element % n for n in range(count)) + "]")
    started = time.process_time()
    tracemalloc.start(1)
    try:
        rows = 0
        for block in JsonArrayTable(text).blocks({}):
            assert block.batch.num_rows <= BLOCK_ROWS_MAX
            rows += block.batch.num_rows
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert rows == count
    assert peak < 60 * MIB
    assert time.process_time() - started < 8, "under tracemalloc, which takes three times as long"


def test_long_texts_take_no_memory_for_each_letter(tmp_path: Path) -> None:
    text = text_of(tmp_path, '[{"a":"' + "x\\n" * 2_500_000 + '"},1]')
    tracemalloc.start(1)
    try:
        assert sum(block.batch.num_rows for block in JsonArrayTable(text).blocks({})) == 2
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 80 * MIB


def document(tmp_path: Path, content: str | bytes, largest: int = 1_000) -> TableRead:
    return read_table(JsonDocumentTable(text_of(tmp_path, content), largest))


def test_document_is_one_record(tmp_path: Path) -> None:
    found = document(tmp_path, '\ufeff \n{"a":\n [1, 2]}\n')
    assert found.rows == [{"rec": 1, "j": '{"a":\n [1, 2]}'}]
    assert found.texts == [b'{"a":[1,2]}\n']
    assert document(tmp_path, " \n").rows == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"a":' + "9" * 1_000 + "}", ": the document is over 1000 bytes: say json_document("),
        ('{"a":', ": the text ends before its JSON does; one JSON object a line is ndjson("),
        ('{"a":1}\n{"a":2}\n', ": "),
        (b'{"a":"\xff"}', ": the text is not UTF-8; "),
        ("", ": it is empty"),
    ],
)
def test_document_that_cannot_be_read_is_told(
    tmp_path: Path, content: str | bytes, reason: str
) -> None:
    with pytest.raises(OperatorError) as told:
        document(tmp_path, content)
    assert str(told.value).startswith(f"cannot read {tmp_path / 'a.json'}{reason}")


@pytest.mark.parametrize("largest", [0, -1, 2**31])
def test_bound_of_a_document_is_one_that_can_be_held(tmp_path: Path, largest: int) -> None:
    with pytest.raises(OperatorError, match=f"largest must be 1 to 2147483646, is {largest}"):
        document(tmp_path, "{}", largest)
