"""Letters: each refused record as a message of the dead-letter topic, with where it came from.

The record stands in the value as it stood in its message. The headers `dead-letter-*` say why it
was refused and where it was; those of `sinks.kafka.messages` are there if the message was one of
ours, so that `consume --replay-dead-letters` reads the record as it was read the first time. Pure.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from utility_ts_analytics.consume.pieces import Piece, Reshape
from utility_ts_analytics.records.validation import RowError
from utility_ts_analytics.sinks.kafka.messages import Headers, head_of, headers_of

PREFIX: Final = "dead-letter-"
CUT_BYTES: Final = 65_536
"""Of the record in a letter that is cut."""

_FULL_SIZE: Final = "size"
_PART_BYTES_MAX: Final = 1024
"""Of the key and each header in a letter that is cut."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One refused record.

    Attributes:
        key: Of its message.
        value: The record.
        headers: Why, and where it was.
        partition: Of the topic where it was at first; -1 if its letter does not say.
    """

    key: bytes | None
    value: bytes
    headers: Headers
    partition: int


def letters_of(
    piece: Piece, errors: Iterable[RowError], reshape: Reshape, *, stream: str, topic: str
) -> Iterator[Letter]:
    """Yield a letter for each refused record of a piece.

    Args:
        piece: Where they were.
        errors: Of the piece's lines, in any order.
        reshape: By which the piece was made.
        stream: Name of the stream.
        topic: That the piece was read from.
    """
    for error in errors:
        message, number, record = piece.record_of(error.position, reshape)
        known = {name for name, _ in message.headers if name.startswith(PREFIX)}
        source: dict[str, str | bytes | None] = {
            "topic": topic.encode(),
            "partition": b"%d" % piece.claim.partition,
            "offset": b"%d" % message.offset,
            "line": b"%d" % number,
        }
        if known:  # a letter that is refused again: where it came from first
            source = {
                name: value
                for name in (*source, _FULL_SIZE)
                for header, value in message.headers
                if header == PREFIX + name
            }
        why: dict[str, str | bytes | None] = {
            "code": error.code.encode(),
            "reason": error.detail.encode(),
            "field": (error.field or "").encode(),
            "stream": stream.encode(),
        }
        ours = [] if head_of(message.headers) is None else headers_of(stream, 1, ())
        headers = [(PREFIX + name, value) for name, value in (why | source).items()]
        yield Letter(message.key, record, ours + headers, _number(source.get("partition")))


def cut(letter: Letter) -> Letter:
    """Return a letter that a topic takes with `max.message.bytes` from 96 KiB on.

    It has the beginning of the record, and its full size in the header `dead-letter-size`.
    """
    parts = {name: part and part[:_PART_BYTES_MAX] for name, part in letter.headers}
    size = {PREFIX + _FULL_SIZE: b"%d" % len(letter.value)}
    return replace(
        letter,
        key=letter.key and letter.key[:_PART_BYTES_MAX],
        value=letter.value[:CUT_BYTES],
        headers=list((size | parts).items()),  # one that was cut before keeps its size
    )


def _number(text: str | bytes | None) -> int:
    return int(text) if isinstance(text, bytes) and text.isdigit() else -1
