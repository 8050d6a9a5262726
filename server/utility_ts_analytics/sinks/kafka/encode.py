"""Rows to the messages of a topic, and back. Pure: no I/O, no clock."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter

import msgspec

from utility_ts_analytics.records.reading import Reading
from utility_ts_analytics.sinks.kafka.messages import Headers, headers_of, value_of
from utility_ts_analytics.sinks.kafka.partitioning import key_partitions


@dataclass(frozen=True, slots=True)
class EncodedRows:
    """Rows of one block as lines, by partition.

    Attributes:
        numbers: Partition of each row, in the order of the rows.
        lines: Lines of each partition that has any, each with its newline, in the rows' order.
        request_id: Of the block's request; may be empty.
    """

    numbers: Sequence[int]
    lines: dict[int, Sequence[bytes]]
    request_id: str

    def rows(self, record_type: type[Reading]) -> list[Reading]:
        """Return the rows in their order: for those that are split, spooled or given back."""
        decode = msgspec.json.Decoder(record_type).decode
        left = {partition: iter(lines) for partition, lines in self.lines.items()}
        return [decode(next(left[number])) for number in self.numbers]


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
    found: dict[int, list[bytes]] = {}
    for number, line in zip(numbers, value_of(rows).splitlines(keepends=True), strict=True):
        if number in found:
            found[number].append(line)
        else:
            found[number] = [line]
    return EncodedRows(numbers, {**found}, request_id)


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
    by_partition: dict[int, list[tuple[str, Sequence[bytes]]]] = {}
    for one in encoded:
        for partition, lines in one.lines.items():
            by_partition.setdefault(partition, []).append((one.request_id, lines))
    for partition, parts in sorted(by_partition.items()):
        held: list[bytes] = []
        request_ids: list[str] = []
        size = 0
        for request_id, lines in parts:
            request_ids.append(request_id)
            for line in lines:
                if held and size + len(line) > message_max_bytes:
                    yield _message(stream, partition, held, request_ids)
                    held, request_ids, size = [], [request_id], 0
                held.append(line)
                size += len(line)
        yield _message(stream, partition, held, request_ids)


def _message(
    stream: str, partition: int, lines: Sequence[bytes], request_ids: Iterable[str]
) -> OutgoingMessage:
    headers = headers_of(stream, len(lines), request_ids)
    return OutgoingMessage(partition, b"".join(lines), headers)
