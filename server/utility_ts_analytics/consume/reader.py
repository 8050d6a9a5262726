"""The order of all steps: poll, hand over, settle, commit; and back to what was not stored.

`_poll` fetches and `_commit` tells the coordinator how far everything is stored; between them each
database has a `Feed` with two tasks: one turns messages into rows in the lanes' queues, one waits
for the end of each piece. All buffers are small and bounded: while the lanes of a database have no
room, its partitions are paused, and polls go on so that a rebalance does not wait.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final

from utility_ts_analytics.clock import Clock
from utility_ts_analytics.consume.claims import Claim, Lease
from utility_ts_analytics.consume.dead_letters import DeadLetterTopic
from utility_ts_analytics.consume.feed import BACKLOG_BYTES_MAX, Feed
from utility_ts_analytics.consume.group import FatalClientError, GroupMember
from utility_ts_analytics.consume.pieces import Reshape, pieces_of
from utility_ts_analytics.telemetry.log_metrics import LetterTrouble
from utility_ts_analytics.telemetry.measures import Measures

_POLL_S: Final = 0.2
_PAUSE_AFTER_S: Final = 0.5
"""Pausing drops what the client has fetched: not for every short wait."""

_LOOK_AGAIN_S: Final = 0.01
_COMMIT_S: Final = 1.0
_RELEASE_SHARE: Final = 1 / 4
"""Of the session time-out: longest wait for rows in flight of partitions that are taken away."""


class Reader:
    """Moves one topic into one stream's databases. One event loop.

    Args:
        feeds: One per database; each partition is taken by one of them.
        reshape: Turns messages into lines.
        letters: Where the feeds write refused records; closed by this.
        lease: Proof that this consumer is a member of its group.
        topic: Name of the topic.
        measures: Counts.
        clock: Time.
    """

    def __init__(
        self,
        feeds: Sequence[Feed],
        *,
        reshape: Reshape,
        letters: DeadLetterTopic,
        lease: Lease,
        topic: str,
        measures: Measures,
        clock: Clock,
    ) -> None:
        self._feeds = feeds
        self._reshape = reshape
        self._letters = letters
        self._lease = lease
        self._topic = topic
        self._measures = measures
        self._clock = clock
        self._paused: set[Feed] = set()
        self._stopping = False
        self._committed: dict[Claim, int] = {}
        self._proving = asyncio.Lock()
        self._reading: list[asyncio.Task[None]] = []
        self._ending: list[asyncio.Task[None]] = []
        self._feeding: list[asyncio.Task[None]] = []

    @property
    def letters_waiting(self) -> Mapping[LetterTrouble, int]:
        """By reason, how many refused records the dead-letter topic does not take just now."""
        return self._letters.waiting

    @property
    def paused_partitions(self) -> int:
        """How many partitions are held and not fetched just now."""
        numbers = [claim.partition for claim in self.member.claims]
        return sum(feed.takes(number) for feed in self._paused for number in numbers)

    # From start to stop

    def join_as(self, member: GroupMember) -> None:
        """Set the member of the group, before `start`; it needs `release`."""
        self.member = member
        for feed in self._feeds:
            feed.member = member

    async def start(self, ended: Callable[[asyncio.Task[None]], None]) -> None:
        """Join the group and begin; `ended` is called for each task that ends, for any reason."""
        for feed in self._feeds:
            for lane in feed.lanes:
                lane.queue.add_producer()  # more rows may come: a batch lingers for them
        await self.member.join()
        self._reading = [asyncio.create_task(self._poll())]
        self._feeding = [asyncio.create_task(feed.feed()) for feed in self._feeds]
        last = (*(feed.settle() for feed in self._feeds), self._commit())
        self._ending = [asyncio.create_task(part) for part in last]
        for task in (*self._reading, *self._feeding, *self._ending):
            task.add_done_callback(ended)

    def stop_reading(self) -> None:
        """Hand nothing more over; rows in flight are still settled."""
        self._stopping = True
        for feed in self._feeds if self._reading else ():
            feed.stop_reading()

    async def stop(self, timeout_s: float) -> None:
        """Settle and commit what the lanes have stored, and leave the group.

        The lanes have drained before this is called: every row has ended. What does not answer in
        time, such as brokers or the dead-letter topic, is left: its messages are read again.

        Args:
            timeout_s: For all of it, > 0.
        """
        step_s = timeout_s / 4
        first = [*self._reading, *self._feeding]
        if first:
            await asyncio.wait(first, timeout=step_s)
        for task in first:  # it may wait for the dead-letter topic, behind other pieces
            task.cancel()
        await asyncio.gather(*first, return_exceptions=True)
        await _within(step_s, asyncio.gather(*(feed.all_settled() for feed in self._feeds)))
        for task in self._ending:
            task.cancel()
        await asyncio.gather(*self._ending, return_exceptions=True)
        await _within(step_s, self.prove())
        await _within(step_s, self.member.close())
        self._letters.close()

    async def prove(self) -> None:
        """Commit what is settled; if that is accepted, the lease has a new proof."""
        async with self._proving:
            asked_s = self._lease.now_s
            committed = await self.member.commit(self.member.claims)
            if committed:
                self._lease.prove(asked_s)
                self._committed = committed

    async def release(self, claims: Sequence[Claim]) -> None:
        """Finish what is in flight of claims that go to another consumer; end them.

        What is not settled in time is dropped: the other consumer reads it again.
        """
        for claim in claims:
            claim.leaving = True
        end_s = self._clock.monotonic_s() + self._lease.session_timeout_s * _RELEASE_SHARE
        while any(feed.is_in_flight(claim) for feed in self._feeds for claim in claims):
            if self._clock.monotonic_s() > end_s or not any(claim.held for claim in claims):
                break
            await self._clock.sleep(0.02)
        for claim in claims:
            claim.held = False

    # Poll

    async def _poll(self) -> None:
        while not self._stopping:
            await self._throttle()
            messages = await self.member.poll(_POLL_S, BACKLOG_BYTES_MAX)
            self._measures.messages_read(len(messages))
            for piece in pieces_of(messages, self._reshape):
                self._feed_of(piece.claim.partition).put(piece)
                await asyncio.sleep(0)  # a piece may be milliseconds of work

    async def _throttle(self) -> None:
        """Pause the partitions of databases that take no more just now, and resume others."""
        await self._some_room()
        for feed in self._feeds:
            if feed.is_full:
                # Again each time: partitions that have come meanwhile are not paused.
                await self.member.pause(feed.takes)
                self._paused.add(feed)
            elif feed in self._paused and feed.has_room:
                await self.member.resume(feed.takes)
                self._paused.remove(feed)

    async def _some_room(self) -> None:
        """Wait a moment for room, as long as every database has something to do."""
        end_s = self._clock.monotonic_s() + _PAUSE_AFTER_S
        while self._clock.monotonic_s() < end_s:
            taking = [feed for feed in self._feeds if feed not in self._paused]
            if not any(feed.is_full for feed in taking) or any(feed.is_idle for feed in taking):
                return
            await self._clock.sleep(_LOOK_AGAIN_S)

    def _feed_of(self, partition: int) -> Feed:
        for feed in self._feeds:
            if feed.takes(partition):
                return feed
        raise FatalClientError(
            f"no shard of questdb.shards has partition {partition} of {self._topic}: nothing of it"
            " can be stored"
        )

    # Commit

    async def _commit(self) -> None:
        while True:
            await self._clock.sleep(min(_COMMIT_S, self._lease.session_timeout_s / 10))
            if self._lease.wants_proof or self._is_behind(self.member.claims):
                await self.prove()

    def _is_behind(self, claims: Iterable[Claim]) -> bool:
        """Tell whether anything settled is not committed."""
        return any(claim.next_offset != self._committed.get(claim) for claim in claims)


async def _within(timeout_s: float, step: Awaitable[object]) -> None:
    """Wait for a step of the end, and go on without it where it takes longer."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            await step
