"""Decode lines of JSON into checked records with their event ids, and report the bad lines.

There are two paths with the same results (`test_quick_path_equals_plain_path`). The quick path runs
the decoder over the texts without a step of Python for each; the plain path makes every check on
every text. The quick path is taken where checks on the whole block answer those on each line.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import datetime
from io import BytesIO
from typing import Final

import msgspec
from msgspec import Struct

from utility_ts_analytics.reading.decoder_gaps import error_of_offset, is_utf8, needs_plain_path
from utility_ts_analytics.reading.line_errors import diagnose, invalid_utf8
from utility_ts_analytics.reading.lines import LineBlock, is_blank
from utility_ts_analytics.records.days import Ends, days_between, ends_of
from utility_ts_analytics.records.encoded import EncodedJson, EncodedLines, JsonEncoder
from utility_ts_analytics.records.event_id import assign_event_ids
from utility_ts_analytics.records.reading import Reading
from utility_ts_analytics.records.streams import StreamSpec
from utility_ts_analytics.records.validation import RowError, all_in_range, broken_rule

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
"""Skipped at the start of a body, where Windows exports put it; RFC 8259 section 8.1 allows it."""

_TEXT: Final = re.compile(rb"[^ \t\r\n][^\n]*")
_TINY_LINE_BYTES: Final = 8
"""No record is so short: lines below this average are mostly blank, or wrong."""
_CLOSER_LOOKS_MAX: Final = 128
"""Errors of one call for which `wrong_formats` is asked; a flood of further ones gets plainer
sentences, at less cost. More than an answer lists, so that no answer depends on it."""
_FAILURES: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Decoded(Struct, frozen=True, gc=False):
    """The result for some texts. Every text that is not blank is a row or an error.

    Attributes:
        rows: Valid, with event ids, in the order of their texts; none where they came encoded.
        positions: Line number (or array index) of each row.
        errors: One for each refused text, in the order of the texts.
        line_count: Texts that are not blank: rows and errors.
        size_bytes: Bytes of the body that the texts came from, >= 0.
        days: Days of the rows (`records.days`).
        lines: The rows, where they came encoded; never empty.
    """

    rows: Sequence[Reading]
    positions: Sequence[int]
    errors: Sequence[RowError]
    line_count: int
    size_bytes: int
    days: frozenset[int] = frozenset()
    lines: EncodedLines | None = None

    @property
    def row_count(self) -> int:
        """Valid rows, in either form."""
        return len(self.positions)

    @classmethod
    def of_error(cls, error: RowError) -> "Decoded":
        """Return the result for a line that was not decoded."""
        return cls((), (), (error,), 1, 0)


class NdjsonDecoder:
    """Decodes the records of one stream. Holds no state between calls.

    Args:
        spec: The stream.
        record_type: `spec.record_type` or `spec.signed_record_type`.
        encode: Encodes lines as they usually are, for the same type; the others, and all if it is
            None, become records.
    """

    def __init__(
        self, spec: StreamSpec, record_type: type[Reading], encode: JsonEncoder | None = None
    ) -> None:
        self._encode = encode
        self._stream_number = spec.number
        self._decode = msgspec.json.Decoder(record_type).decode

    def decode(self, block: LineBlock, *, ts_end: datetime) -> Decoded:
        r"""Decode one record from each line that is not blank.

        Args:
            block: Lines; `\r\n` ends and blanks around a record are fine.
            ts_end: First instant that is too late for a reading (`validation.latest_ts`).
        """
        data = block.data
        if block.first_line == 1:
            data = data.removeprefix(BYTE_ORDER_MARK)
        if _is_blank(data):
            # Compressed, blank lines cost the sender next to nothing: do not look at each.
            return Decoded((), (), (), 0, len(block.data))
        numbers: Sequence[int]
        if len(data) < block.lines * _TINY_LINE_BYTES:
            lines, numbers = _without_blanks(data, block.first_line)
        else:
            if self._encode is not None and (encoded := self._encode(data, ts_end)) is not None:
                return self._of_encoded(encoded, data, block, ts_end)
            # BytesIO cuts at newlines 4 times as fast as bytes.split, measured on CPython 3.11.
            # One decode per line is faster than decode_lines with the check that it needs: that
            # accepts two objects on a line, and one over two lines.
            lines = BytesIO(data).readlines()
            numbers = range(block.first_line, block.first_line + len(lines))
        return self.decode_texts(
            lines, numbers, ts_end=ts_end, size_bytes=len(block.data), plain=needs_plain_path(data)
        )

    def _of_encoded(
        self, encoded: EncodedJson, data: bytes, block: LineBlock, ts_end: datetime
    ) -> Decoded:
        """Return the result for lines of which all but some doubtful ones are encoded."""
        size_bytes, doubts = len(block.data), encoded.doubts
        numbers = range(block.first_line, block.first_line + len(encoded.lines) + len(doubts))
        if not doubts:
            return Decoded(
                (), numbers, (), len(numbers), size_bytes, encoded.days, encoded.lines or None
            )
        texts = BytesIO(data).readlines()
        doubtful = [texts[index] for index in doubts]
        others = self.decode_texts(
            doubtful,
            [numbers[index] for index in doubts],
            ts_end=ts_end,
            size_bytes=0,
            plain=needs_plain_path(b"".join(doubtful)),
        )
        lines = encoded.lines
        if others.rows:
            indexes = [number - block.first_line for number in others.positions]
            places = [index - bisect_left(doubts, index) for index in indexes]
            lines = encoded.insert(others.rows, places)
        no_rows = {numbers[index] for index in doubts}.difference(others.positions)
        positions = [number for number in numbers if number not in no_rows]
        return Decoded(
            (),
            positions,
            others.errors,
            len(positions) + len(others.errors),
            size_bytes,
            encoded.days | others.days,
            lines or None,
        )

    def decode_texts(
        self,
        texts: Sequence[bytes],
        numbers: Sequence[int],
        *,
        ts_end: datetime,
        size_bytes: int,
        plain: bool,
    ) -> Decoded:
        """Decode one record from each text that is not blank.

        Args:
            texts: In the order of the body: bytes, or `msgspec.Raw`.
            numbers: Line number or array index of each.
            ts_end: First instant that is too late for a reading.
            size_bytes: Bytes of the body that the texts came from.
            plain: What `needs_plain_path` says of the texts together.
        """
        decoded, ends = None, list[Ends]()
        if not plain:
            decoded = self._read_quickly(texts, numbers)
            ends = ends_of(decoded[0])
        if decoded is None or not all_in_range(ends, ts_end):
            decoded = self._read_plainly(texts, numbers, ts_end)
            ends = ends_of(decoded[0])
        rows, positions, errors = decoded
        # The range comes first: MessagePack cannot say UTC of the years 1 and 9999 near the edge.
        assign_event_ids(rows, stream_number=self._stream_number)
        line_count, days = len(rows) + len(errors), days_between(rows, ends)
        return Decoded(rows, positions, errors, line_count, size_bytes, days)

    def _read_quickly(
        self, texts: Sequence[bytes], numbers: Sequence[int]
    ) -> tuple[list[Reading], Sequence[int], list[RowError]]:
        """Decode until a text fails, diagnose that one, and go on after it.

        Errors are kept by text: in floods of bad lines the same ones come again.
        """
        rows: list[Reading] = []
        positions: list[int] = []
        errors: list[RowError] = []
        faults: dict[bytes, RowError | None] = {}
        source = iter(texts)
        rest = map(self._decode, source)
        index = 0
        while True:
            held = len(rows)
            try:
                rows.extend(rest)
            except _FAILURES as error:
                # `extend` keeps what came before the failure: `test_rows_before_a_failure_are_kept`
                failed = index + len(rows) - held
                positions.extend(numbers[index:failed])
                faults[bytes(texts[failed])] = fault = _fault(
                    texts[failed], error, numbers[failed], len(errors) < _CLOSER_LOOKS_MAX
                )
                if fault is not None:
                    errors.append(fault)
                index = _pass_known(
                    texts, numbers, failed + 1, source=source, faults=faults, errors=errors
                )
            else:
                if index == 0:
                    return rows, numbers, errors
                positions.extend(numbers[index:])
                return rows, positions, errors

    def _read_plainly(
        self, texts: Sequence[bytes], numbers: Sequence[int], ts_end: datetime
    ) -> tuple[list[Reading], Sequence[int], list[RowError]]:
        """Decode text by text; make every check on each."""
        rows: list[Reading] = []
        positions: list[int] = []
        errors: list[RowError] = []
        for position, text in zip(numbers, texts, strict=True):
            if _is_blank(text):
                continue
            look_closer = len(errors) < _CLOSER_LOOKS_MAX
            result = self._read_one(text, position, ts_end, look_closer)
            if isinstance(result, RowError):
                errors.append(result)
            else:
                rows.append(result)
                positions.append(position)
        return rows, positions, errors

    def _read_one(
        self, text: bytes, position: int, ts_end: datetime, look_closer: bool
    ) -> Reading | RowError:
        if not is_utf8(bytes(text)):
            return invalid_utf8(position, text if look_closer else b"")
        try:
            row = self._decode(text)
        except _FAILURES as error:
            return diagnose(text, error, position, look_closer=look_closer)
        return error_of_offset(text, position) or broken_rule(row, position, ts_end) or row


def _without_blanks(data: bytes, first_line: int) -> tuple[list[bytes], list[int]]:
    """Return the lines that are not blank, without leading blanks, and their numbers."""
    texts: list[bytes] = []
    numbers: list[int] = []
    number, counted = first_line, 0
    for found in _TEXT.finditer(data):
        start = found.start()
        number += data.count(b"\n", counted, start)
        counted = start
        texts.append(found[0])
        numbers.append(number)
    return texts, numbers


def _fault(text: bytes, error: Exception, number: int, look_closer: bool) -> RowError | None:
    """Return the error of a text that failed to decode; None if it is blank."""
    if _is_blank(text):
        return None
    return diagnose(text, error, number, look_closer=look_closer)


def _pass_known(
    texts: Sequence[bytes],
    numbers: Sequence[int],
    index: int,
    *,
    source: Iterator[bytes],
    faults: dict[bytes, RowError | None],
    errors: list[RowError],
) -> int:
    """Take texts from `source` that failed before, from `index` on; return the index after them."""
    while index < len(texts) and (text := bytes(texts[index])) in faults:
        next(source)
        fault = faults[text]
        if fault is not None:
            errors.append(RowError(numbers[index], fault.code, fault.field, fault.detail))
        index += 1
    return index


def _is_blank(text: bytes) -> bool:
    text = bytes(text)  # msgspec.Raw is bytes to the type checker only
    return not text or is_blank(text)
