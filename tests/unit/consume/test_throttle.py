"""When the partitions of a database are paused: not for a short wait, but before others starve."""

import asyncio
from collections.abc import Callable
from typing import cast

from utility_ts_analytics.clock import ManualClock
from utility_ts_analytics.consume.claims import Lease
from utility_ts_analytics.consume.dead_letters import DeadLetterTopic
from utility_ts_analytics.consume.feed import Feed
from utility_ts_analytics.consume.group import GroupMember
from utility_ts_analytics.consume.pieces import Reshape
from utility_ts_analytics.consume.reader import Reader
from utility_ts_analytics.telemetry.measures import Measures


class Shard:
    """A feed with so much waiting for its database: nothing, some, or all that it takes."""

    def __init__(self, partition: int) -> None:
        self.waiting = 0.5
        self.partition = partition

    @property
    def is_full(self) -> bool:
        return self.waiting >= 1

    @property
    def is_idle(self) -> bool:
        return self.waiting == 0

    @property
    def has_room(self) -> bool:
        return self.waiting < 0.5

    def takes(self, partition: int) -> bool:
        return partition == self.partition


class Rig:
    """Two shards, and a member of the group that notes which of their partitions are paused."""

    def __init__(self) -> None:
        self.north, self.south = Shard(0), Shard(1)
        self.clock = ManualClock()
        self.paused: set[int] = set()
        self.reader = Reader(
            cast(list[Feed], [self.north, self.south]),
            reshape=Reshape("meter_usage", {}),
            letters=cast(DeadLetterTopic, None),
            lease=Lease(40.0, self.clock.boot_s),
            topic="meter_usage",
            measures=cast(Measures, None),
            clock=self.clock,
        )
        self.reader.member = cast(GroupMember, self)

    async def pause(self, which: Callable[[int], bool]) -> None:
        self.paused |= {number for number in (0, 1) if which(number)}

    async def resume(self, which: Callable[[int], bool]) -> None:
        self.paused -= {number for number in (0, 1) if which(number)}

    def polls_after_s(self, then: Callable[[float], None] = lambda _: None) -> float:
        """Return how long the next poll waits; `then` is called with each time that it looks."""

        async def throttle() -> float:
            began_s = self.clock.monotonic_s()
            task = asyncio.create_task(self.reader._throttle())
            while not task.done():
                await asyncio.sleep(0)
                then(self.clock.monotonic_s() - began_s)
                self.clock.advance(0.01)
            await task
            return self.clock.monotonic_s() - began_s

        return asyncio.run(throttle())


def test_full_shard_is_waited_for_while_the_other_has_work() -> None:
    rig = Rig()
    rig.north.waiting = 1

    def empties(passed_s: float) -> None:
        if passed_s > 0.2:
            rig.north.waiting = 0.9

    assert 0.2 < rig.polls_after_s(empties) < 0.3
    assert rig.paused == set()


def test_full_shard_is_paused_once_the_other_has_nothing_to_do() -> None:
    rig = Rig()
    rig.north.waiting = 1

    def runs_dry(passed_s: float) -> None:
        if passed_s > 0.2:
            rig.south.waiting = 0

    assert 0.2 < rig.polls_after_s(runs_dry) < 0.3
    assert rig.paused == {0}
    assert rig.polls_after_s() < 0.05
    rig.north.waiting = 0.4
    assert rig.polls_after_s() < 0.05
    assert rig.paused == set()


def test_shards_that_are_away_are_paused_after_a_while_so_that_polls_go_on() -> None:
    rig = Rig()
    rig.north.waiting = rig.south.waiting = 1
    assert 0.4 < rig.polls_after_s() < 0.6
    assert rig.paused == {0, 1}
    assert rig.polls_after_s() < 0.05
