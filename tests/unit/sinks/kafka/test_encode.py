from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utility_ts_analytics.records.json_lines import json_lines
from utility_ts_analytics.records.streams import MeterUsage
from utility_ts_analytics.sinks.kafka.encode import (
    OutgoingMessage,
    encode_rows,
    left_of,
    messages_of,
)
from utility_ts_analytics.sinks.kafka.messages import head_of
from utility_ts_analytics.sinks.kafka.partitioning import partition_of

TS = datetime(2026, 1, 1, tzinfo=UTC)


def readings(count: int, text: str | None = None) -> list[MeterUsage]:
    return [
        MeterUsage(
            ts=TS + timedelta(minutes=n), meter_id=f"m-{n % 13}", kwh=float(n), premise_id=text
        )
        for n in range(count)
    ]


@given(st.integers(1, 60), st.integers(1, 20))
def test_rows_come_back_in_their_order(count: int, partitions: int) -> None:
    rows = readings(count)
    encoded = encode_rows(rows, "meter_id", partitions, "r")
    assert encoded.rows(MeterUsage) == rows


@given(st.lists(st.integers(1, 40), min_size=1, max_size=5), st.integers(1, 4), st.integers(1, 999))
def test_messages_have_every_row_once_in_order_within_the_size(
    counts: list[int], partitions: int, bytes_max: int
) -> None:
    rows = readings(sum(counts))
    encoded, start = [], 0
    for number, count in enumerate(counts):
        part = rows[start : start + count]
        encoded.append(encode_rows(part, "meter_id", partitions, f"r{number}"))
        start += count
    messages = list(messages_of("meter_usage", encoded, bytes_max))
    for partition in range(partitions):
        mine = [row for row in rows if partition_of(row.meter_id, partitions) == partition]
        values = [message.value for message in messages if message.partition == partition]
        assert b"".join(values) == json_lines(mine)
    for message in messages:
        head = head_of(message.headers)
        assert head is not None
        assert head.rows == message.value.count(b"\n") >= 1
        assert len(message.value) <= bytes_max or head.rows == 1
        assert 1 <= len(head.request_ids) <= len(counts)


@pytest.mark.parametrize("text", ["\r", "\u2028", "a\nb", "\x85"])
def test_line_separators_in_texts_do_not_cut_a_line(text: str) -> None:
    rows = readings(20, text)
    encoded = encode_rows(rows, "meter_id", 3, "")
    assert encoded.rows(MeterUsage) == rows
    messages = list(messages_of("meter_usage", [encoded], 100))
    assert len(messages) == 20
    assert all(head_of(message.headers) for message in messages)


def test_what_is_behind_an_undelivered_message_of_its_partition_is_sent_again_behind_it() -> None:
    sent = [(0, True), (1, True), (0, False), (1, True), (0, True), (2, False), (2, True)]
    messages = [
        OutgoingMessage(partition, str(index).encode(), [], delivered)
        for index, (partition, delivered) in enumerate(sent)
    ]
    left = left_of(messages)
    assert [message.value for message in left] == [b"2", b"4", b"5", b"6"]
    assert not any(message.delivered for message in left)
    assert left_of(messages) == left
