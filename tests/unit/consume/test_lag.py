"""What the brokers say of a group and its topics, as lag, reasons and warnings."""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import OffsetSpec, PartitionMetadata

from utility_ts_analytics.buffering.block import Failure
from utility_ts_analytics.clock import ManualClock
from utility_ts_analytics.config import parse_config
from utility_ts_analytics.consume import lag
from utility_ts_analytics.consume.claims import Progress
from utility_ts_analytics.consume.lag import INTERVAL_S, Lag, LogWatch
from utility_ts_analytics.sinks.kafka.topic import TopicLook

METERS, PLANTS = "meter_usage", "generation_output"
NOW_MS = 1_700_000_000_000


class FakeBrokers:
    """What all clients of a watch are told.

    Attributes:
        topics: Leader (-1: none) by partition, by topic.
        firsts: First offset that is still there, by topic and partition; 0 where none is named.
        ends: Offset behind the last message; 0 where none is named.
        committed: Offset and metadata of the group.
        away: Whether no question is answered.
    """

    def __init__(self) -> None:
        self.topics: dict[str, list[int]] = {METERS: [1, 2], PLANTS: [1]}
        self.firsts: dict[tuple[str, int], int] = {}
        self.ends: dict[tuple[str, int], int] = {}
        self.committed_at: dict[tuple[str, int], tuple[int, str]] = {}
        self.away = False

    def poll(self, _wait_s: float) -> None:
        """Nothing is said beside the answers."""

    def list_topics(self, *, timeout: float) -> Any:
        self._answer()
        found = {
            name: SimpleNamespace(partitions=dict(enumerate(map(partition, range(9), leaders))))
            for name, leaders in self.topics.items()
        }
        return SimpleNamespace(topics=found)

    def committed(self, places: Sequence[TopicPartition], _timeout: float) -> list[TopicPartition]:
        self._answer()
        nothing = (-1001, "")
        return [
            TopicPartition(
                one.topic,
                one.partition,
                *self.committed_at.get((one.topic, one.partition), nothing),
            )
            for one in places
        ]

    def list_offsets(self, asked: Mapping[TopicPartition, OffsetSpec], **_: object) -> Any:
        self._answer()
        return {one: self._offset(one, which) for one, which in asked.items()}

    def _offset(self, one: TopicPartition, which: OffsetSpec) -> "Future[SimpleNamespace]":
        earliest = type(which) is type(OffsetSpec.earliest())
        known = self.firsts if earliest else self.ends
        answer: Future[SimpleNamespace] = Future()
        answer.set_result(SimpleNamespace(offset=known.get((one.topic, one.partition), 0)))
        return answer

    def _answer(self) -> None:
        if self.away:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT, "no answer"))


def partition(number: int, leader: int) -> PartitionMetadata:
    found = PartitionMetadata()
    found.id, found.leader = number, leader
    found.replicas = [1, 2, 3]
    found.isrs = [1, 2] if leader >= 0 else []
    return found


class FakeLetters:
    """The dead-letter topics."""

    failures: ClassVar[dict[str, Failure]] = {}

    def __init__(self, _kafka: object, name: str, _clock: object) -> None:
        self._name = name
        self.partitions = 0

    def look(self, _timeout_s: float) -> TopicLook:
        return TopicLook(self.failures.get(self._name))


class Rig:
    """A watch on brokers that are asked when the test says so."""

    def __init__(self, settings: dict[str, object]) -> None:
        self.brokers = FakeBrokers()
        self.clock = ManualClock(wall_ns=NOW_MS * 1_000_000)
        self.watch = LogWatch(parse_config(settings, {}), self.clock)

    async def asked(self) -> None:
        """Return once the brokers were asked again."""
        before = len(self.clock.slept_s)
        self.clock.advance(INTERVAL_S)
        while len(self.clock.slept_s) == before:
            await asyncio.sleep(0.001)


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Rig:
    return make_rig(monkeypatch, {})


def make_rig(monkeypatch: pytest.MonkeyPatch, settings: dict[str, object]) -> Rig:
    monkeypatch.setattr(lag, "LogTopic", FakeLetters)
    monkeypatch.setattr(FakeLetters, "failures", {})
    rig = Rig(settings)
    monkeypatch.setattr(lag, "AdminClient", lambda _options: rig.brokers)
    monkeypatch.setattr(lag, "Consumer", lambda _options: rig.brokers)
    return rig


def run(rig: Rig, *steps: Any) -> None:
    """Ask, then do one step after the other, and ask again after each; the last only looks."""

    async def main() -> None:
        asking = asyncio.create_task(rig.watch.run())
        try:
            async with asyncio.timeout(20):
                for step in steps:
                    await rig.asked()
                    step()
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)

    asyncio.run(main())


def lag_of(rig: Rig, number: int = 0) -> Lag:
    return rig.watch.lags[METERS][number]


def test_before_the_first_answer_nothing_is_ready_and_nothing_known(rig: Rig) -> None:
    assert rig.watch.reasons() == ["the brokers were not asked yet"]
    assert not rig.watch.known
    assert rig.watch.topic_reasons() == {METERS: "", PLANTS: ""}


def test_lag_is_what_is_behind_the_committed_offset(rig: Rig) -> None:
    rig.brokers.ends = {(METERS, 0): 110, (METERS, 1): 7}
    rig.brokers.committed_at = {(METERS, 0): (100, Progress(NOW_MS - 20_000, 250.0).text())}

    def look() -> None:
        assert rig.watch.reasons() == []
        assert rig.watch.known
        assert (lag_of(rig).messages, lag_of(rig).rows) == (10, 2500)
        assert lag_of(rig).seconds == pytest.approx(20, abs=2 * INTERVAL_S)
        assert lag_of(rig, 1) == Lag(7, None, 0.0), "nothing was committed: nothing is known"
        assert rig.watch.lags[PLANTS] == {0: Lag(0, 0, 0.0)}

    run(rig, look)


def test_messages_that_are_deleted_do_not_wait(rig: Rig) -> None:
    rig.brokers.ends, rig.brokers.firsts = {(METERS, 0): 110}, {(METERS, 0): 90}
    rig.brokers.committed_at = {(METERS, 0): (50, "")}
    run(rig, lambda: lag_of(rig).messages == 20 or pytest.fail(str(lag_of(rig))))


def test_loss_is_told_as_it_was_committed_and_warned_of_for_a_day(rig: Rig) -> None:
    rig.brokers.committed_at = {
        (METERS, 0): (5, Progress(lost=7, lost_ms=NOW_MS - 86_000_000).text()),
        (METERS, 1): (5, Progress(lost=9, lost_ms=NOW_MS - 87_000_000).text()),
    }

    def look() -> None:
        assert (lag_of(rig).lost, lag_of(rig, 1).lost) == (7, 9)
        [warning] = rig.watch.warnings()
        assert warning.startswith("the log has deleted 7 messages of meter_usage, partition 0,")

    run(rig, look)


def test_age_counts_from_when_nothing_waited(rig: Rig) -> None:
    rig.brokers.ends = {(METERS, 0): 5}
    rig.brokers.committed_at = {(METERS, 0): (5, Progress(NOW_MS - 3_600_000, 1.0).text())}

    def caught_up() -> None:
        assert lag_of(rig) == Lag(0, 0, 0.0)
        rig.brokers.ends = {(METERS, 0): 6}

    def waits() -> None:
        assert lag_of(rig).messages == 1
        assert lag_of(rig).seconds == pytest.approx(INTERVAL_S)

    run(rig, caught_up, waits)


def test_brokers_that_are_away_are_named_and_the_last_lag_is_kept(rig: Rig) -> None:
    rig.brokers.ends = {(METERS, 0): 5}

    def go() -> None:
        rig.brokers.away = True

    def away() -> None:
        [reason] = rig.watch.reasons()
        assert "the brokers do not answer: no answer (kafka.brokers: " in reason
        assert lag_of(rig).messages == 5
        rig.brokers.away = False

    def back() -> None:
        assert rig.watch.reasons() == []

    run(rig, go, away, back)


def test_missing_topic_and_partition_without_a_leader_are_reasons(rig: Rig) -> None:
    rig.brokers.topics = {METERS: [1, -1]}

    def look() -> None:
        assert rig.watch.reasons() == [
            "no broker leads partition 1 of the topic meter_usage",
            "the topic generation_output does not exist: create it (docs/KAFKA.md)",
        ]
        assert rig.watch.topic_reasons()[METERS] == rig.watch.reasons()[0]
        found = rig.watch.replication[METERS]
        assert (found.partitions, found.replicas, found.in_sync_min) == (2, 3, 0)
        assert found.under_replicated == 2
        assert found.brokers_in_sync == {1, 2}

    run(rig, look)


def test_dead_letter_topic_in_trouble_is_a_warning(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    failure = Failure("schema-missing", "Kafka has no topic meter_usage.dead-letters")
    monkeypatch.setattr(FakeLetters, "failures", {"meter_usage.dead-letters": failure})

    def look() -> None:
        assert rig.watch.reasons() == []
        [warning] = rig.watch.warnings()
        assert warning.endswith(": Kafka has no topic meter_usage.dead-letters")
        assert rig.watch.letter_troubles == {METERS: failure.detail}
        FakeLetters.failures = {}

    def mended() -> None:
        assert rig.watch.warnings() == []

    run(rig, look, mended)


def test_shards_that_do_not_fit_are_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    shard = {
        "name": "north",
        "partitions": "0",
        "uri": "postgresql://u:p@h:8812/qdb",
        "ilp_http_addr": "north:9000",
    }
    rig = make_rig(monkeypatch, {"questdb": {"shards": [shard]}})

    def look() -> None:
        [reason] = rig.watch.reasons()
        assert "the topic meter_usage has 2 partitions, and no shard has 1" in reason

    run(rig, look)
