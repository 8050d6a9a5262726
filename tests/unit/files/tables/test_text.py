"""Texts of any encoding come as UTF-8 lines, and go back into it."""

import codecs
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.files.format_rig import file_of

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.pieces import one_line
from utility_ts_analytics.files.tables.contract import BLOCK_BYTES_MAX, BLOCK_ROWS_MAX
from utility_ts_analytics.files.tables.file_bytes import FileBytes
from utility_ts_analytics.files.tables.text import TextFile, lines_of
from utility_ts_analytics.reading.lines import LongLine


class InChunks(FileBytes):
    """A file that comes in these chunks."""

    def __init__(self, chunks: Sequence[bytes]) -> None:
        super().__init__(Path("none"))
        self._chunks = chunks

    def chunks(self, offset: int = 0) -> Iterator[bytes]:
        yield from self._chunks


def text_of(tmp_path: Path, content: bytes, encoding: str = "utf-8") -> TextFile:
    return TextFile(file_of(tmp_path, "r.csv", content), encoding, 5_000)


def lines(text: TextFile) -> list[tuple[int, bytes]]:
    found: list[tuple[int, bytes]] = []
    for part in text.parts():
        if isinstance(part, LongLine):
            found.append((part.line, b"over"))
            continue
        assert len(part.data) <= BLOCK_BYTES_MAX
        assert part.lines <= BLOCK_ROWS_MAX
        numbers = range(part.first_line, part.first_line + part.lines)
        found += zip(numbers, lines_of(part.data), strict=True)
    return found


def test_numbers_go_through_blocks(tmp_path: Path) -> None:
    content = b"".join(b"%d\n" % number * (number % 3 + 1) for number in range(150_000))
    text = text_of(tmp_path, content)
    for _ in range(2):  # each pass is one of its own
        found = lines(text)
        assert b"".join(line for _, line in found) == content
        assert [number for number, _ in found] == list(range(1, len(found) + 1))


def test_last_line_gets_its_end_and_long_ones_are_told(tmp_path: Path) -> None:
    content = b"a\n" + b"x" * 5_001 + b"\n" + b"y" * 5_000 + b"\nb"
    found = lines(text_of(tmp_path, content))
    assert found == [(1, b"a\n"), (2, b"over"), (3, b"y" * 5_000 + b"\n"), (4, b"b\n")]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "UTF8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]
)
def test_byte_order_mark_is_none_of_the_text(tmp_path: Path, encoding: str) -> None:
    content = "\ufeffé\nz\n" if encoding not in ("utf-16", "utf-32", "utf-8-sig") else "é\nz\n"
    text = text_of(tmp_path, content.encode(encoding), encoding)
    assert lines(text) == [(1, "é\n".encode()), (2, b"z\n")]
    kept = text.mark + text.original(b"z\n") + text.original("é\n".encode())
    assert lines(text_of(tmp_path, kept, encoding)) == [(1, b"z\n"), (2, "é\n".encode())]


@pytest.mark.parametrize("content", [b"a\rb\r", b"a\rb", b"\xef\xbb\xbfa\rb"])
def test_returns_alone_end_lines_where_there_is_nothing_else(
    tmp_path: Path, content: bytes
) -> None:
    assert [line for _, line in lines(text_of(tmp_path, content))] == [b"a\n", b"b\n"]


def test_return_that_ends_a_chunk_may_belong_to_a_newline() -> None:
    text = TextFile(InChunks([b"a\r", b"\nb\r\n"]), "utf-8", 5_000)
    assert lines(text) == [(1, b"a\r\n"), (2, b"b\r\n")]


@given(st.binary(max_size=60), st.integers(1, 7))
@settings(max_examples=300)
def test_any_bytes_are_text_of_any_encoding(content: bytes, size: int) -> None:
    """What is none is neither lost nor UTF-8, wherever chunks end."""
    start = b"plain ASCII text for a start" * 20 + b"\n"
    for encoding in ("windows-1252", "cp932", "gb18030", "utf-16", "utf-7", "hz", "ascii"):
        whole = start.decode().encode(encoding) + content
        chunks = [whole[:560], *(whole[i : i + size] for i in range(560, len(whole), size))]
        text = TextFile(InChunks(chunks), encoding, 5_000)
        try:
            decoded = b"".join(text.chunks())
        except OperatorError as error:
            assert "it is UTF-8, and the mapping says" in str(error)  # noqa: PT017
            assert any(not chunk.isascii() and _is_utf8(chunk) for chunk in chunks)
            continue
        try:
            expected = whole.decode(encoding)
        except UnicodeDecodeError:
            with pytest.raises(UnicodeDecodeError):
                decoded.decode()
        else:
            if "\r" not in expected and not any("\ud800" <= c <= "\udfff" for c in expected):
                assert decoded.decode() == expected
        if encoding in ("windows-1252", "ascii") and b"\r" not in whole:
            assert text.original(decoded) == whole
        else:
            text.original(decoded)


def _is_utf8(chunk: bytes) -> bool:
    try:
        return not codecs.getincrementaldecoder("utf-8")().decode(chunk).isascii()
    except UnicodeDecodeError:
        return False


@pytest.mark.parametrize("encoding", ["windows-1252", "iso-8859-15", "cp932"])
def test_file_that_was_saved_as_utf8_since_is_refused(tmp_path: Path, encoding: str) -> None:
    # Each of its letters would be read as two: `Müller` as another meter, in silence.
    text = text_of(tmp_path, "zeit;name\n1;Müller\n".encode(), encoding)
    with pytest.raises(OperatorError, match="it is UTF-8, and the mapping says"):
        list(text.chunks())
    text = text_of(tmp_path, "zeit;name\n1;Müller\n".encode("windows-1252"), "windows-1252")
    assert b"".join(text.chunks()).decode() == "zeit;name\n1;Müller\n"


@pytest.mark.parametrize(
    "encoding", ["windows-1252", "iso-8859-1", "cp437", "cp932", "euc_kr", "ascii"]
)
def test_bytes_that_the_encoding_has_not_go_back_as_they_were(
    tmp_path: Path, encoding: str
) -> None:
    content = b"".join(bytes([byte]) + b" x\n" for byte in range(0x80, 0x100))
    text = text_of(tmp_path, b"start\n" * 99 + content, encoding)
    assert b"".join(text.original(line) for _, line in lines(text)[99:]) == content


@pytest.mark.parametrize(
    "encoding", ["", "nonsense", "rot13", "hex", "idna", "punycode", "unicode_escape", "a\0b"]
)
def test_what_is_no_encoding_of_files_is_told(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(OperatorError, match="there is no encoding"):
        text_of(tmp_path, b"a", encoding)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b"PK\x03\x04rest", "it is a zip archive"),
        ("a;b\n".encode("utf-16"), "it is UTF-16"),
        (b"\0\1\2\3", "it "),
    ],
)
def test_file_that_is_no_text_is_told(tmp_path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(OperatorError, match=rf"r\.csv.*: {reason}"):
        lines(text_of(tmp_path, content))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (b'{"a":1}', b'{"a":1}\n'),
        (b'{\n  "a": [1,\r\n 2.50],\n  "b": "x\\ny  z"\n}', b'{"a":[1,2.50],"b":"x\\ny  z"}\n'),
        (b'{"id": 12345678901234567890123}', b'{"id":12345678901234567890123}\n'),
        (b'{"torn":\n', b'{"torn": \n'),
        (b'{"bad":\r\n"\xff"}', b'{"bad":"\xff"}\n'),
        (b",", b",\n"),
    ],
)
def test_text_becomes_one_line_with_its_values_as_they_stand(text: bytes, line: bytes) -> None:
    assert one_line(text) == line


def test_values_stay_the_same() -> None:
    record = {"ts": "2024-01-01T00:00:00Z", "kwh": 0.1, "more": {"x": [None, True]}}
    assert json.loads(one_line(json.dumps(record, indent=4).encode())) == record
