"""Partitions that come and go, and commits that the coordinator refuses."""

import asyncio

import pytest
from confluent_kafka import KafkaError
from tests.unit.consume.reader_rig import STORED, Rig, reading, with_reader

from utility_ts_analytics.consume.reader import Reader
from utility_ts_analytics.sinks.contract import RetryLater

REFUSED = KafkaError(KafkaError.ILLEGAL_GENERATION, "not a member of this generation")


def test_released_partition_is_stored_and_committed_before_it_goes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def check(rig: Rig, _: Reader) -> None:
        rig.consumer.put(0, reading("a"), reading("b"))
        rig.consumer.assign(0, 1)
        await rig.until(lambda: rig.sinks[0].gate, "rows are being sent")
        rig.consumer.revoke(0)
        asyncio.get_running_loop().call_later(0.05, rig.open_gates)
        await rig.until(lambda: "revoke 0" in rig.consumer.events, "it was released")
        events = rig.consumer.events
        assert events.index("commit 0:2") < events.index("revoke 0")
        rig.consumer.put(1, reading("c"))
        await rig.until(lambda: rig.consumer.offsets() == {0: 2, 1: 1}, "the other one goes on")

    with_reader(monkeypatch, check)


def test_partition_whose_rows_take_too_long_goes_without_a_commit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def check(rig: Rig, _: Reader) -> None:
        await rig.begin_sending(reading("a"))
        rig.consumer.revoke(0)
        await rig.until(lambda: "revoke 0" in rig.consumer.events, "it was released")
        rig.open_gates()
        await rig.polled(10)
        assert rig.consumer.offsets().get(0, 0) == 0

    assert with_reader(monkeypatch, check).consumer.offsets().get(0, 0) == 0


def test_rows_of_a_lost_partition_are_not_committed_and_its_letters_not_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def check(rig: Rig, _: Reader) -> None:
        await rig.begin_sending(reading("a"), b"no json")
        rig.consumer.lose(0)
        await rig.until(lambda: "lost 0" in rig.consumer.events, "it is lost")
        rig.open_gates()
        await rig.polled(10)
        assert rig.consumer.offsets().get(0, 0) == 0
        assert rig.producer.letters == []
        rig.consumer.assign(0)  # its next owner is this consumer again
        await rig.until(lambda: rig.consumer.offsets() == {0: 2}, "all is committed")
        assert rig.sent() == ["a", "a"]
        assert rig.producer.letters == [b"no json"]

    with_reader(monkeypatch, check)


def test_partition_that_is_lost_while_it_is_read_again_is_let_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def check(rig: Rig, _: Reader) -> None:
        [sink] = rig.sinks
        rig.consumer.put(0, reading("a"))
        rig.consumer.put(1, reading("b"))
        rig.consumer.assign(0, 1)
        await rig.until(lambda: sink.gate, "rows are being sent")
        rig.consumer.lose(0)
        sink.open_gate = True
        sink.end_send(RetryLater("away"))
        await rig.until(lambda: rig.consumer.offsets().get(1) == 1, "the other is committed")
        assert rig.consumer.offsets().get(0, 0) == 0

    with_reader(monkeypatch, check)


def test_nothing_is_sent_while_the_coordinator_refuses_commits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def check(rig: Rig, _: Reader) -> None:
        rig.open_gates()
        rig.consumer.refusal = REFUSED
        rig.consumer.put(0, reading("a"))
        rig.consumer.assign(0)
        await rig.until(lambda: "seek 0:0" in rig.consumer.events, "it is read again")
        assert rig.sent() == []
        rig.consumer.refusal = None
        await rig.until(lambda: rig.consumer.offsets() == {0: 1}, "all is committed")
        assert rig.sent() == ["a"]

    with_reader(monkeypatch, check)


def test_commit_that_was_refused_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check(rig: Rig, _: Reader) -> None:
        await rig.begin_sending(reading("a"))
        rig.consumer.refusal = REFUSED
        rig.sinks[0].end_send(STORED)
        await rig.polled(10)
        assert rig.consumer.offsets().get(0, 0) == 0
        rig.consumer.refusal = None
        await rig.until(lambda: rig.consumer.offsets() == {0: 1}, "all is committed")

    with_reader(monkeypatch, check)


def test_refused_records_are_kept_before_their_offset_is_committed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def check(rig: Rig, reader: Reader) -> None:
        rig.open_gates()
        rig.producer.refusal = KafkaError(KafkaError._UNKNOWN_TOPIC, "no such topic")
        rig.consumer.put(0, reading("a"), b"no json\n{}", reading("b"))
        rig.consumer.assign(0)
        await rig.until(lambda: reader.letters_waiting == {"missing": 2}, "letters wait")
        await rig.until(lambda: rig.sent() == ["a", "b"], "the others are stored")
        await rig.polled()
        assert rig.consumer.offsets().get(0, 0) == 0
        rig.producer.refusal = None
        await rig.until(lambda: rig.consumer.offsets() == {0: 3}, "all is committed")
        assert rig.producer.letters == [b"no json", b"{}"]
        assert reader.letters_waiting == {}

    with_reader(monkeypatch, check)


def test_stop_while_letters_wait_commits_nothing_behind_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def check(rig: Rig, reader: Reader) -> None:
        rig.open_gates()
        rig.producer.refusal = KafkaError(KafkaError.MSG_SIZE_TOO_LARGE, "too large")
        rig.consumer.put(0, b"no json", reading("b"))
        rig.consumer.assign(0)
        await rig.until(lambda: reader.letters_waiting == {"too-large": 1}, "a letter waits")

    rig = with_reader(monkeypatch, check)
    assert rig.consumer.offsets().get(0, 0) == 0
    assert rig.consumer.events[-1] == "close"
