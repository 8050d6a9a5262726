"""Messages to lines: what one record, an array or many lines of a message become. Pure.

Consecutive messages of a partition are joined into one piece, so that messages of one small record
cost little more than the lines of a file. Every record of a piece is a line, and every line is
found in its message again.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

import msgspec

from utility_ts_analytics.consume.claims import Claim, ClaimSettlement
from utility_ts_analytics.errors import InvalidJson
from utility_ts_analytics.reading.json_array import lines_of_array
from utility_ts_analytics.reading.lines import count_lines
from utility_ts_analytics.reading.ndjson import BYTE_ORDER_MARK
from utility_ts_analytics.records.validation import RowCode, RowError
from utility_ts_analytics.sinks.kafka.messages import FORMAT_VERSION, Headers, head_of

PIECE_BYTES_MAX: Final = 262_144
"""Messages are joined up to this size: one of more than half of it is mostly a piece of its own,
and is neither copied nor counted."""

WIRE_HEADER_BYTES: Final = 5
"""Magic byte 0 and the number of a schema, as serializers with a schema registry write them."""

_MAGIC: Final = b"\x00"
_BLANKS: Final = b" \t\r\n"

_is_json: Final = msgspec.json.Decoder(msgspec.Raw).decode
_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the log.

    Attributes:
        claim: Under which it was read.
        offset: In its partition.
        timestamp_ms: Of its producer or broker, milliseconds since 1970; 0 if it has none.
        key: As it came.
        value: As it came; None is a tombstone.
        headers: As they came.
    """

    claim: Claim
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers

    @property
    def size_bytes(self) -> int:
        """Bytes of the value."""
        return len(self.value or b"")


class Reshape:
    """Turns values into lines of one stream.

    Args:
        stream: Its name.
        fields: Foreign name by field of the stream, for messages that are not our own; empty if
            they have our names.
    """

    def __init__(self, stream: str, fields: dict[str, str]) -> None:
        self._stream = stream
        self._fields = {foreign: name for name, foreign in fields.items()}
        self._replaced = frozenset(fields)

    def lines(self, message: Message) -> bytes | tuple[RowCode, str]:
        """Return the records as lines, each one ended, or why the message as a whole is refused."""
        lines = self.records(message)
        if not isinstance(lines, bytes) or not self._fields or _is_ours(message):
            return lines
        return b"\n".join(self._renamed(line) for line in lines.split(b"\n"))

    def records(self, message: Message) -> bytes | tuple[RowCode, str]:
        """Return the same lines with their records as they stand in the message."""
        value = message.value or b""
        head = head_of(message.headers)
        if head is None:
            return _foreign_lines(value)
        if head.stream != self._stream:
            return "wrong-type", "its headers name another stream"
        if head.format_version > FORMAT_VERSION:
            return "wrong-type", f"its format is newer than {FORMAT_VERSION}: update this program"
        return _ended(value)

    def _renamed(self, line: bytes) -> bytes:
        """Return a line with the stream's own names; what is no object stays as it is."""
        try:
            members = _members(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return line
        names, replaced = self._fields, self._replaced
        renamed = {
            names.get(name, name): value
            for name, value in members.items()
            if name in names or name not in replaced
        }
        return _encode(renamed)


def _is_ours(message: Message) -> bool:
    return head_of(message.headers) is not None


def _foreign_lines(value: bytes) -> bytes | tuple[RowCode, str]:
    if value.startswith(_MAGIC):
        value = value[WIRE_HEADER_BYTES:]
    value = value.removeprefix(BYTE_ORDER_MARK)
    text = value.strip(_BLANKS)
    if text.startswith(b"["):
        try:
            return lines_of_array(text)
        except InvalidJson as error:
            return "invalid-json", error.detail
    first = text.partition(b"\n")[0]
    if text.startswith(b"{") and first != text and not _parses(first) and _parses(text):
        # One record over several lines: a newline between tokens is a blank to JSON, and inside of
        # a text there is none.
        return text.replace(b"\n", b" ") + b"\n"
    return _ended(value)


def _parses(text: bytes) -> bool:
    try:
        _is_json(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _ended(value: bytes) -> bytes:
    """Return lines of which each one is ended; at least one."""
    return value if value.endswith(b"\n") else value + b"\n"


@dataclass(slots=True)
class Piece:
    """Consecutive messages of one claim, as lines.

    Attributes:
        claim: Under which they were read.
        messages: In the order of the log, at least one.
        lines: Of all of them. A message that is refused as a whole has one blank line.
        first_lines: Number of the first line of each message.
        settlement: Of all rows.
        errors: Refused lines and messages, by line number.
        rows: Records without a fault that were handed over so far.
        whole: Whether every row was handed over; False once reading it was broken off.
    """

    claim: Claim
    messages: list[Message]
    lines: bytes
    first_lines: list[int]
    settlement: ClaimSettlement
    errors: list[RowError] = field(default_factory=list)
    rows: int = 0
    whole: bool = True

    @property
    def size_bytes(self) -> int:
        """Bytes of the messages' values."""
        return sum(message.size_bytes for message in self.messages)

    @property
    def next_offset(self) -> int:
        """Offset behind the last message."""
        return self.messages[-1].offset + 1

    def message_of(self, position: int) -> tuple[Message, int]:
        """Return the message of a line, and the number of the line in it, from 1."""
        index = bisect_right(self.first_lines, position) - 1
        return self.messages[index], position - self.first_lines[index] + 1

    def record_of(self, position: int, reshape: Reshape) -> tuple[Message, int, bytes]:
        """Return the message of a line, the number of the line, and the record as it stood.

        The value as a whole where the message holds one record, or is refused as a whole.
        """
        message, number = self.message_of(position)
        lines = reshape.records(message)
        if not isinstance(lines, bytes) or lines.count(b"\n") == 1:
            return message, number, message.value or b""
        return message, number, lines.split(b"\n", number)[number - 1]


def pieces_of(messages: Iterable[Message], reshape: Reshape) -> Iterator[Piece]:
    """Join messages of each claim, in their order.

    Args:
        messages: Each with its claim; partitions may alternate.
        reshape: Of their stream.
    """
    by_claim: dict[Claim, list[Message]] = {}
    for message in messages:
        by_claim.setdefault(message.claim, []).append(message)
    for claim, own in by_claim.items():
        start, size_bytes = 0, 0
        for index, message in enumerate(own):
            if index > start and size_bytes + message.size_bytes > PIECE_BYTES_MAX:
                yield _joined(claim, own[start:index], reshape.lines)
                start, size_bytes = index, 0
            size_bytes += message.size_bytes
        yield _joined(claim, own[start:], reshape.lines)


def _joined(
    claim: Claim,
    messages: list[Message],
    lines_of: Callable[[Message], bytes | tuple[RowCode, str]],
) -> Piece:
    parts: list[bytes] = []
    first_lines: list[int] = []
    errors: list[RowError] = []
    number = 1
    for message in messages:
        first_lines.append(number)
        lines = lines_of(message)
        if not isinstance(lines, bytes):
            code, detail = lines
            errors.append(RowError(number, code, None, detail))
            lines = b"\n"
        parts.append(lines)
        if len(parts) < len(messages):
            number += count_lines(lines)
    return Piece(claim, messages, b"".join(parts), first_lines, ClaimSettlement(claim), errors)
