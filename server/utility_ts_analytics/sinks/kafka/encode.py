"""Rows to the messages of a topic, and back. Pure: no I/O, no clock."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter

import msgspec

from utility_ts_analytics.reading.lines import count_lines
from utility_ts_analytics.records.json_lines import json_lines
from utility_ts_analytics.records.reading import Reading
from utility_ts_analytics.sinks.kafka.messages import Headers, headers_of
from utility_ts_analytics.sinks.kafka.partitioning import (
    as_numbers,
    key_partitions,
    lines_by_partition,
)


@dataclass(frozen=True, slots=True)
class EncodedRows:
    """Rows of one block as lines, by partition.

    Attributes:
        numbers: Partition of each row, in the order of the rows, as `partitioning` has them.
        lines: Of each partition, each line with its newline, in the rows' order; None for none.
        request_id: Of the block's request; may be empty.
    """

    numbers: bytes
    lines: Sequence[bytes | None]
    request_id: str

    def rows(self, record_type: type[Reading]) -> list[Reading]:
        """Return the rows in their order: for those that are split, spooled or given back."""
        decode = msgspec.json.Decoder(record_type).decode_lines
        left = [iter(decode(lines)) if lines is not None else iter(()) for lines in self.lines]
        return [next(left[number]) for number in as_numbers(self.numbers)]


def encode_rows(
    rows: Sequence[Reading], key_field: str, partitions: int, request_id: str
) -> EncodedRows:
    """Return rows as lines, each in the partition of its key.

    Args:
        rows: Of one stream, with event ids; never empty.
        key_field: Field with the key (`StreamSpec.key_field`).
        partitions: Of the topic, 1..65536.
        request_id: Of their request; may be empty.
    """
    numbers = key_partitions(list(map(attrgetter(key_field), rows)), partitions)
    # All rows in one call, in the order in which they lie in memory: a call for each partition
    # takes twice as long. JSON has no newline but those between the lines.
    return EncodedRows(
        numbers, lines_by_partition(json_lines(rows), numbers, partitions), request_id
    )


@dataclass(slots=True)
class OutgoingMessage:
    """One message on its way.

    Attributes:
        partition: Where it goes.
        value: Whole lines.
        headers: As `messages` has them.
        delivered: Whether every in-sync replica has it.
    """

    partition: int
    value: bytes
    headers: Headers
    delivered: bool = False


def messages_of(
    stream: str, encoded: Iterable[EncodedRows], message_max_bytes: int
) -> Iterator[OutgoingMessage]:
    """Yield messages with all lines; those of one partition in the order of the rows.

    Args:
        stream: Name of the stream.
        encoded: In the order of acceptance.
        message_max_bytes: Most bytes of a message; one line alone may be larger.
    """
    parts = list(encoded)
    for partition in range(max((len(one.lines) for one in parts), default=0)):
        held: list[bytes] = []
        request_ids: list[str] = []
        size = 0
        for one in parts:
            lines = one.lines[partition]
            for piece in () if lines is None else _pieces(lines, message_max_bytes):
                if held and size + len(piece) > message_max_bytes:
                    yield _message(stream, partition, held, request_ids)
                    held, request_ids, size = [], [], 0
                held.append(piece)
                request_ids.append(one.request_id)
                size += len(piece)
        if held:
            yield _message(stream, partition, held, request_ids)


def _pieces(lines: bytes, bytes_max: int) -> Iterator[bytes]:
    """Yield whole lines in pieces of at most `bytes_max`; one line alone may be larger."""
    start = 0
    while len(lines) - start > bytes_max:
        end = lines.rfind(b"\n", start, start + bytes_max) + 1
        end = end or lines.index(b"\n", start) + 1
        yield lines[start:end]
        start = end
    if start < len(lines):
        yield lines[start:] if start else lines


def _message(
    stream: str, partition: int, pieces: Sequence[bytes], request_ids: Iterable[str]
) -> OutgoingMessage:
    value = b"".join(pieces)
    return OutgoingMessage(partition, value, headers_of(stream, count_lines(value), request_ids))


def left_of(messages: Sequence[OutgoingMessage]) -> list[OutgoingMessage]:
    """Return the messages to send: of each partition, the first one not delivered and all behind.

    What is behind may have later versions of the same readings, and must be behind in the log too.
    """
    left, behind = [], set()
    for message in messages:
        if not message.delivered or message.partition in behind:
            message.delivered = False
            behind.add(message.partition)
            left.append(message)
    return left
