"""JSON files that are one document: a long array element by element, or the document as a whole."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

import msgspec
import pyarrow as pa

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.pieces import one_line
from utility_ts_analytics.files.tables.contract import (
    BLOCK_BYTES_MAX,
    BLOCK_ROWS_MAX,
    REC,
    RecordBlock,
)
from utility_ts_analytics.files.tables.file_bytes import FileBytes
from utility_ts_analytics.files.tables.lines_table import (
    JSON,
    NdjsonTable,
    empty_batch,
    json_block,
)
from utility_ts_analytics.files.tables.text import TextFile

ELEMENT_BYTES_MAX: Final = 16 * BLOCK_BYTES_MAX
"""Of one element of an array: what has to be held while its end has not come."""

DOCUMENT_BYTES_MAX: Final = 2**31 - 2
"""Of one document: Arrow has no longer texts."""

_BLANKS: Final = b" \t\r\n"
_HEAD_BYTES: Final = 4_096
_LINES_NAMES: Final = (".ndjson", ".jsonl")
_CUTS_MAX: Final = 8
_MARK: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"|"(?:[^"\\]++|\\.)*+\\?\Z|[][{},]', re.DOTALL)
_decode_elements: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode


class JsonArrayTable:
    """`rec`, the number of the element from 1, and `j`; a file of any size.

    A file of its refused records is read as it is written, a record a line: its name ends in
    `.ndjson` or `.jsonl`, or it begins with an object. `rec` is the number of the line then.

    Args:
        text: The file.
    """

    head = b""
    suffix = ".ndjson"
    schema = pa.schema([REC, JSON])

    def __init__(self, text: TextFile) -> None:
        self._text = text
        self._has_lines = _has_lines(text.file)

    def blocks(self, notes: dict[str, int]) -> Iterator[RecordBlock]:
        """Yield the blocks; see `RecordTable`."""
        if self._has_lines:
            yield from NdjsonTable(self._text).blocks(notes)
            return
        for texts, first, size_bytes in array_elements(self._text):
            block = json_block(
                texts,
                range(first, first + len(texts)),
                self.schema,
                size_bytes=size_bytes,
                has_lines=False,
            )
            yield _as_lines(block)


class JsonDocumentTable:
    """One record: the document in `j`.

    Args:
        text: The file.
        largest: Bytes that the document may have, 1 to 2,147,483,646.

    Raises:
        OperatorError: `largest` is not within these.
    """

    head = b""
    suffix = ".ndjson"
    schema = pa.schema([REC, JSON])

    def __init__(self, text: TextFile, largest: int) -> None:
        if not 0 < largest <= DOCUMENT_BYTES_MAX:
            raise OperatorError(
                f"cannot read {text.file.name}: largest must be 1 to {DOCUMENT_BYTES_MAX}, is"
                f" {largest}"
            )
        self._text = text
        self._largest = largest

    def blocks(self, notes: dict[str, int]) -> Iterator[RecordBlock]:
        """Yield the block; see `RecordTable`.

        Raises:
            OperatorError: The document is larger, or no JSON.
        """
        data = bytearray()
        name = self._text.file.name
        for chunk in self._text.chunks():
            data += chunk
            if len(data) > self._largest:
                raise OperatorError(
                    f"cannot read {name}: the document is over {self._largest} bytes: say"
                    " json_document($path, largest := ...), or json_array($path) if it is an array"
                )
        size_bytes = len(data)
        text = bytes(data.strip(_BLANKS))
        del data
        if not text:
            yield RecordBlock(empty_batch(self.schema), (), 0, lambda _: None, lambda _: b"")
            return
        block = json_block([text], [1], self.schema, size_bytes=size_bytes, has_lines=False)
        if block.refused:
            raise OperatorError(
                f"cannot read {name}: {block.refused[0].detail}; one JSON object a line is"
                " ndjson($path)"
            )
        yield _as_lines(block)


def array_elements(text: TextFile) -> Iterator[tuple[Sequence[bytes], int, int]]:
    """Yield the elements of a file that is one JSON array, about a MiB of them at a time.

    Returns:
        The texts, at most `BLOCK_ROWS_MAX`, the number of the first from 1, and the bytes of the
        file that they came from.

    Raises:
        OperatorError: The file is no JSON array, ends within it, something follows it, or an
            element is over 16 MiB.
    """
    name = text.file.name
    number = 1
    array = _Array(name)
    for chunk in text.chunks():
        found = array.feed(chunk, number)
        size_bytes = array.taken()
        for start in range(0, len(found), BLOCK_ROWS_MAX):
            texts = found[start : start + BLOCK_ROWS_MAX]
            yield texts, number, size_bytes
            number += len(texts)
            size_bytes = 0
    array.finish(number)


class _Array:
    """Cuts one JSON array into the texts of its elements.

    Args:
        name: Of the file, for messages.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._held = b""
        self._begun = False
        self._ended = False
        self._element_due = False
        self._fed_bytes = 0
        self._taken_bytes = 0

    def feed(self, chunk: bytes, number: int) -> list[bytes]:
        """Return the elements that are whole now; `number` is that of the first.

        Raises:
            OperatorError: As `array_elements`.
        """
        self._fed_bytes += len(chunk)
        data = self._held + chunk
        self._held = b""
        if not self._begun:
            data = data.lstrip(_BLANKS)
            if not data:
                return []
            if not data.startswith(b"["):
                raise OperatorError(
                    f"cannot read {self._name}: it is no JSON array; one object a line is"
                    " ndjson($path), a document with a list in it json_document($path)"
                )
            data, self._begun = data[1:], True
        texts: list[bytes] = []
        if not self._ended:
            texts, data = _cut_at_once(data)
            self._element_due = self._element_due or bool(texts)
            more, data = self._cut(data)
            texts += more
        if self._ended and data.strip(_BLANKS):
            raise OperatorError(
                f"cannot read {self._name}: something follows its array, behind record"
                f" {number + len(texts) - 1}"
            )
        if len(data) > ELEMENT_BYTES_MAX:
            raise OperatorError(
                f"cannot read {self._name}, record {number + len(texts)}: it is over"
                f" {ELEMENT_BYTES_MAX} bytes"
            )
        self._held = b"" if self._ended else data
        return texts

    def finish(self, number: int) -> None:
        """Check that the array has ended; `number` is that of the next element."""
        if not self._begun:
            raise OperatorError(f"cannot read {self._name}: it is empty")
        if not self._ended:
            raise OperatorError(
                f"cannot read {self._name}, record {number}: the file ends before its array does"
            )

    def taken(self) -> int:
        """Return the bytes of the elements since the last call."""
        done = self._fed_bytes - len(self._held)
        count, self._taken_bytes = done - self._taken_bytes, done
        return count

    def _cut(self, data: bytes) -> tuple[list[bytes], bytes]:
        """Return the whole elements of a part of the array, and what is behind them.

        An element that is missing, as between two commas, is one text: a comma.
        """
        texts: list[bytes] = []
        depth = start = 0
        for mark in _MARK.finditer(data):
            sign = mark[0]
            if sign in (b"{", b"["):
                depth += 1
            elif sign in (b"}", b"]") and depth:
                depth -= 1
            elif sign == b"]":
                last = data[start : mark.start()].strip(_BLANKS)
                if last or self._element_due:
                    texts.append(last or b",")
                self._ended = True
                return texts, data[mark.end() :]
            elif sign == b"," and not depth:
                texts.append(data[start : mark.start()].strip(_BLANKS) or b",")
                start = mark.end()
                self._element_due = True
        return texts, data[start:]


def _cut_at_once(data: bytes) -> tuple[list[bytes], bytes]:
    """Return elements at the beginning of a part of an array, and what is behind their last comma.

    They are JSON as a whole, so that no comma of theirs was taken for one between elements. None
    where that is not easily found: a tenth of the time of `_Array._cut`.
    """
    sign = {b"{": b"},", b"[": b"],"}.get(data[:64].lstrip(_BLANKS)[:1], b"")
    cut = len(data)
    for _ in range(_CUTS_MAX if sign else 0):
        cut = data.rfind(sign, 0, cut)
        if cut < 0:
            break
        try:
            found = _decode_elements(b"[%b]" % data[: cut + 1])
        except (msgspec.DecodeError, RecursionError):
            continue
        return [bytes(text) for text in found], data[cut + 2 :]
    return [], data


def _has_lines(file: FileBytes) -> bool:
    """Tell whether a file has a record a line, in the place of an array."""
    name = file.inner_name.lower().removesuffix(".gz").removesuffix(".zst")
    head = file.first_bytes(_HEAD_BYTES).removeprefix(b"\xef\xbb\xbf").lstrip(_BLANKS)
    return name.endswith(_LINES_NAMES) or head.startswith(b"{")


def _as_lines(block: RecordBlock) -> RecordBlock:
    """Return a block whose texts are each one line, as NDJSON wants them."""
    return RecordBlock(
        block.batch,
        [replace(one, text=one_line(one.text)) for one in block.refused],
        block.size_bytes,
        block.line_of,
        lambda i: one_line(block.text_of(i)),
    )
