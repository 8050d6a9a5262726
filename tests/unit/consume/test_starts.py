"""Where the reading of a partition begins, and what was deleted before it was stored."""

import pytest
from tests.unit.consume.reader_rig import STORED, Rig, reading, with_reader

from utility_ts_analytics.consume.claims import Progress
from utility_ts_analytics.consume.reader import Reader
from utility_ts_analytics.consume.starts import Start, start_of
from utility_ts_analytics.sinks.contract import RetryLater


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        pytest.param(None, Start(10), id="the group is new: nothing is lost"),
        pytest.param(10, Start(10), id="at the beginning"),
        pytest.param(20, Start(20), id="at the end"),
        pytest.param(4, Start(10, lost=6), id="before the beginning"),
    ],
)
def test_start_is_where_the_group_stopped_or_behind_what_was_deleted(
    wanted: int | None, found: Start
) -> None:
    assert start_of(wanted, 10, 20) == found


def test_offset_behind_the_end_begins_again_and_loses_nothing() -> None:
    start = start_of(21, 10, 20)
    assert (start.offset, start.lost) == (10, 0)
    assert start.again == "the log ends at offset 20, and was stored up to 21"


@pytest.mark.parametrize("wanted", [4, 15, 21])
def test_other_messages_begin_at_their_beginning_and_lose_nothing(wanted: int) -> None:
    assert start_of(wanted, 10, 20, again="other topic") == Start(10, again="other topic")


def progress(rig: Rig) -> Progress:
    return Progress.parse(rig.consumer.commits[0][1])


def test_messages_deleted_before_the_start_are_counted_with_those_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def check(rig: Rig, _: Reader) -> None:
        rig.open_gates()
        rig.consumer.commits[0] = 1, Progress(5, 2.5, "first", lost=7).text()
        rig.consumer.put(0, *(reading(f"m{number}") for number in range(5)))
        rig.consumer.lows[0] = 3
        rig.consumer.assign(0)
        await rig.until(lambda: rig.consumer.offsets() == {0: 5}, "all is committed")
        assert rig.sent() == ["m3", "m4"]
        assert progress(rig).lost == 9
        assert progress(rig).lost_ms > 0

    with_reader(monkeypatch, check)


def test_loss_is_committed_where_no_message_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check(rig: Rig, _: Reader) -> None:
        rig.consumer.commits[0] = 0, "somebody's"
        rig.consumer.put(0, reading("a"), reading("b"))
        rig.consumer.lows[0] = 2
        rig.consumer.assign(0)
        await rig.until(lambda: rig.consumer.offsets() == {0: 2}, "it is committed")
        assert progress(rig).lost == 2

    with_reader(monkeypatch, check)


def test_messages_deleted_before_a_slow_consumer_are_counted_once_those_before_are_stored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def check(rig: Rig, _: Reader) -> None:
        await rig.begin_sending(reading("a"))
        rig.consumer.lows[0] = 4
        rig.consumer.put(0, *(reading(f"m{number}") for number in range(1, 5)))
        await rig.polled(10)
        assert rig.consumer.offsets().get(0, 0) == 0
        rig.open_gates()
        await rig.until(lambda: rig.consumer.offsets() == {0: 5}, "all is committed")
        assert rig.sent() == ["a", "m4"]
        assert progress(rig).lost == 3

    with_reader(monkeypatch, check)


def test_rows_that_are_given_back_and_were_deleted_meanwhile_are_lost_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def check(rig: Rig, _: Reader) -> None:
        await rig.begin_sending(reading("a"), reading("b"))
        rig.consumer.lows[0] = 3
        rig.consumer.put(0, reading("c"), reading("d"))
        await rig.polled(10)
        rig.sinks[0].end_send(RetryLater("away"))
        rig.open_gates()
        await rig.until(lambda: rig.consumer.offsets() == {0: 4}, "all is committed")
        assert rig.sent()[-1] == "d"
        assert progress(rig).lost == 3

    with_reader(monkeypatch, check)


def test_topic_that_was_made_anew_is_read_from_its_beginning_at_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def check(rig: Rig, _: Reader) -> None:
        rig.open_gates()
        rig.consumer.commits[0] = 2, Progress(topic_id="earlier").text()
        rig.consumer.put(0, reading("a"), reading("b"), reading("c"))
        rig.consumer.assign(0)
        await rig.until(lambda: rig.consumer.offsets() == {0: 3}, "all is committed")
        assert rig.sent() == ["a", "b", "c"]
        assert progress(rig) == Progress(1002, 1.0, "first")

    with_reader(monkeypatch, check)


@pytest.mark.parametrize("more", [1, 3], ids=["shorter", "longer"])
def test_topic_that_is_made_anew_is_read_from_its_beginning_while_it_is_read(
    monkeypatch: pytest.MonkeyPatch, more: int
) -> None:
    async def check(rig: Rig, _: Reader) -> None:
        await rig.begin_sending(reading("a"), reading("b"))
        rig.sinks[0].end_send(STORED)
        rig.open_gates()
        await rig.until(lambda: rig.consumer.offsets() == {0: 2}, "all is committed")
        rig.consumer.make_anew("second", *(reading(f"m{number}") for number in range(more)))
        await rig.until(lambda: progress(rig).topic_id == "second", "the other topic is seen")
        await rig.until(lambda: rig.consumer.offsets() == {0: more}, "all of it is committed")
        assert rig.sent()[-more:] == [f"m{number}" for number in range(more)]
        assert progress(rig).lost == 0

    with_reader(monkeypatch, check)


def test_nothing_is_read_before_brokers_say_where_to_begin(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def check(rig: Rig, _: Reader) -> None:
        rig.open_gates()
        rig.facts.away = True
        rig.consumer.put(0, reading("a"))
        rig.consumer.assign(0)
        await rig.polled(10)
        assert rig.sent() == []
        assert rig.consumer.offsets() == {}
        rig.facts.away = False
        await rig.until(lambda: rig.consumer.offsets() == {0: 1}, "all is committed")

    with_reader(monkeypatch, check)
