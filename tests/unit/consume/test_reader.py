"""From poll to commit: only what is stored is committed, and what is not is read again."""

import asyncio

import pytest
from confluent_kafka import KafkaError
from tests.unit.consume.reader_rig import STORED, Rig, reading, with_reader

from utility_ts_analytics.buffering.block import Failure
from utility_ts_analytics.consume.claims import Progress
from utility_ts_analytics.consume.group import FatalClientError
from utility_ts_analytics.consume.reader import Reader
from utility_ts_analytics.sinks.contract import RetryLater

AWAY = RetryLater("away")


def test_nothing_is_committed_before_its_rows_are_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check(rig: Rig, _: Reader) -> None:
        rig.consumer.put(0, reading("a"), None, reading("b") + b"\n" + reading("c"))
        rig.consumer.assign(0)
        await rig.until(lambda: rig.sinks[0].gate, "rows are being sent")
        await rig.polled()
        assert rig.consumer.offsets().get(0, 0) == 0
        rig.open_gates()
        await rig.until(lambda: rig.consumer.offsets() == {0: 3}, "all is committed")
        assert rig.sent() == ["a", "b", "c"]

    rig = with_reader(monkeypatch, check)
    offset, text = rig.consumer.commits[0]
    assert (offset, Progress.parse(text)) == (3, Progress(1002, 1.0, "first"))  # 3 rows in 3


def test_messages_without_a_record_are_committed_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check(rig: Rig, _: Reader) -> None:
        rig.consumer.put(0, None, b"[]", b"\n\n")
        rig.consumer.assign(0)
        await rig.until(lambda: rig.consumer.offsets() == {0: 3}, "all is committed")
        assert rig.sent() == []

    with_reader(monkeypatch, check)


def test_stop_settles_what_is_in_flight_and_leaves_the_group(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def check(rig: Rig, _: Reader) -> None:
        await rig.begin_sending(reading("a"))
        asyncio.get_running_loop().call_later(0.05, rig.open_gates)

    rig = with_reader(monkeypatch, check)
    proof, stored = "commit 0:0", "commit 0:1"
    assert rig.consumer.events == ["assign 0", "begin 0:0", proof, stored, "revoke 0", "close"]


def test_stop_before_the_start_leaves_the_group(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check(rig: Rig, _: Reader) -> None:
        other = Rig(1, {}).build()
        other.stop_reading()
        await other.stop(1.0)

    assert with_reader(monkeypatch, check).consumer.events == ["close", "close"]


# Pausing


def large(number: int) -> bytes:
    return reading(f"m{number}", note="x" * 900_000)


def test_full_backlog_pauses_and_room_resumes(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check(rig: Rig, reader: Reader) -> None:
        rig.consumer.put(0, *map(large, range(12)))
        rig.consumer.assign(0)
        await rig.until(lambda: reader.paused_partitions == 1, "the partition is paused")
        assert rig.consumer.paused == {0}
        await rig.polled()  # or the coordinator would take the partition away
        rig.open_gates()
        await rig.until(lambda: rig.consumer.offsets() == {0: 12}, "all is committed")
        await rig.until(lambda: not rig.consumer.paused, "it is resumed")
        assert reader.paused_partitions == 0
        assert rig.sent() == [f"m{number}" for number in range(12)]

    with_reader(monkeypatch, check)


def test_database_that_is_slow_pauses_only_its_own_partitions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def check(rig: Rig, reader: Reader) -> None:
        rig.open_gates(1)
        rig.consumer.put(0, *map(large, range(12)))
        rig.consumer.put(1, *map(large, range(12, 24)))
        rig.consumer.assign(0, 1)
        await rig.until(lambda: rig.consumer.offsets().get(1) == 12, "the other is committed")
        await rig.until(lambda: reader.paused_partitions == 1, "the partition is paused")
        assert rig.consumer.paused == {0}
        rig.open_gates(0)
        await rig.until(lambda: rig.consumer.offsets() == {0: 12, 1: 12}, "all is committed")

    with_reader(monkeypatch, check, databases=2)


def test_partition_that_comes_while_its_database_is_full_is_paused_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def check(rig: Rig, reader: Reader) -> None:
        rig.consumer.put(0, *map(large, range(12)))
        rig.consumer.put(1, reading("late"))
        rig.consumer.assign(0)
        await rig.until(lambda: reader.paused_partitions == 1, "the partition is paused")
        rig.consumer.assign(1)
        await rig.until(lambda: "begin 1:0" in rig.consumer.events, "the other has come")
        await rig.until(lambda: rig.consumer.paused == {0, 1}, "so is the other")
        rig.open_gates()
        await rig.until(lambda: rig.consumer.offsets() == {0: 12, 1: 1}, "all is committed")

    with_reader(monkeypatch, check)


def test_nothing_is_handed_over_while_the_table_takes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def check(rig: Rig, _: Reader) -> None:
        rig.open_gates()
        rig.refusal = Failure("table-suspended", "suspended")
        rig.consumer.put(0, reading("a"))
        rig.consumer.assign(0)
        await rig.polled(10)
        assert rig.sent() == []
        rig.refusal = None
        await rig.until(lambda: rig.consumer.offsets() == {0: 1}, "all is committed")

    with_reader(monkeypatch, check)


# Read again


def test_rows_that_are_given_back_are_read_again_before_later_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def check(rig: Rig, _: Reader) -> None:
        [sink] = rig.sinks
        await rig.begin_sending(reading("a"))
        rig.consumer.put(0, reading("b"), reading("c"))
        await rig.polled()
        sink.open_gate = True
        sink.end_send(AWAY)
        await rig.until(lambda: rig.consumer.offsets() == {0: 3}, "all is committed")
        assert sink.sent[0] == ["a"]
        assert rig.sent()[1:] == ["a", "b", "c"], "nothing of the claim that ended was sent"
        events = rig.consumer.events
        assert events.index("seek 0:0") < events.index("commit 0:3")

    with_reader(monkeypatch, check)


def test_message_without_a_record_behind_a_failure_commits_nothing_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is settled at once, and its offset is behind a row that is not stored."""

    async def check(rig: Rig, _: Reader) -> None:
        [sink] = rig.sinks
        await rig.begin_sending(reading("a"))
        rig.consumer.put(0, None)
        await rig.until(lambda: rig.consumer.positions == {0: 2}, "the second was polled")
        await rig.polled()
        sink.open_gate = True
        sink.end_send(AWAY)
        await rig.until(lambda: rig.consumer.offsets() == {0: 2}, "all is committed")
        assert rig.sent() == ["a", "a"]

    with_reader(monkeypatch, check)


def test_what_was_stored_before_the_failure_is_not_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def check(rig: Rig, _: Reader) -> None:
        [sink] = rig.sinks
        sink.outcomes = [STORED, AWAY]
        sink.open_gate = True
        rig.consumer.put(0, reading("a"))
        rig.consumer.assign(0)
        await rig.until(lambda: rig.consumer.offsets() == {0: 1}, "the first is committed")
        rig.consumer.put(0, reading("b"))
        await rig.until(lambda: rig.consumer.offsets() == {0: 2}, "the second is committed")
        assert rig.sent() == ["a", "b", "b"]
        assert "seek 0:1" in rig.consumer.events

    with_reader(monkeypatch, check)


def test_failure_of_one_partition_reads_no_other_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check(rig: Rig, _: Reader) -> None:
        rig.sinks[0].outcomes = [AWAY]
        rig.open_gates()
        rig.consumer.put(0, reading("a"))
        rig.consumer.put(1, reading("b"))
        rig.consumer.assign(0, 1)
        await rig.until(lambda: rig.consumer.offsets() == {0: 1, 1: 1}, "all is committed")
        assert (rig.sent(0), rig.sent(1)) == (["a", "a"], ["b"])

    with_reader(monkeypatch, check, databases=2)


# What must end the worker


def test_fatal_error_ends_the_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check(rig: Rig, _: Reader) -> None:
        rig.consumer.fail(KafkaError(KafkaError._TRANSPORT, "away", fatal=False))
        await rig.polled()
        assert rig.ended == []
        rig.consumer.fail(KafkaError(KafkaError._FATAL, "fenced", fatal=True))
        await rig.until(lambda: rig.ended, "a task ends")
        assert isinstance(rig.ended[0].exception(), FatalClientError)

    with_reader(monkeypatch, check)


def test_partition_without_a_database_ends_the_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check(rig: Rig, _: Reader) -> None:
        rig.consumer.put(2, reading("a"))
        rig.consumer.assign(2)
        await rig.until(lambda: rig.ended, "a task ends")
        assert "no shard of questdb.shards has partition 2" in str(rig.ended[0].exception())

    assert with_reader(monkeypatch, check, databases=2).consumer.offsets().get(2, 0) == 0


def test_messages_behind_the_given_end_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check(rig: Rig, _: Reader) -> None:
        rig.open_gates()
        rig.consumer.put(0, *(reading(meter) for meter in "abcd"))
        rig.consumer.assign(0)
        await rig.until(lambda: rig.consumer.positions.get(0) == 4, "all was polled")
        await rig.until(lambda: rig.consumer.offsets() == {0: 2}, "those before are committed")
        await rig.polled()
        assert rig.sent() == ["a", "b"]

    assert with_reader(monkeypatch, check, ends={0: 2}).consumer.offsets() == {0: 2}
