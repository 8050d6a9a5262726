"""The order of all steps: poll, hand over, settle, commit; and back to what was not stored.

Four tasks. `_poll` fetches, `_feed` turns messages into rows in the lanes' queues, `_settle` waits
for the end of each piece in the order in which they were handed over, `_commit` tells the
coordinator how far everything is stored. Their buffers are small and bounded: while the lanes have
no room, the partitions are paused, and polls go on so that a rebalance does not wait.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import structlog

from utility_ts_analytics.buffering.block import Failure
from utility_ts_analytics.buffering.intake import IntakeSession
from utility_ts_analytics.clock import Clock
from utility_ts_analytics.consume.claims import Claim, Lease
from utility_ts_analytics.consume.dead_letters import DeadLetterTopic, letters_of
from utility_ts_analytics.consume.group import GroupMember
from utility_ts_analytics.consume.open_pieces import OpenPieces
from utility_ts_analytics.consume.pieces import Piece, Reshape, pieces_of
from utility_ts_analytics.consume.rules import Rules
from utility_ts_analytics.delivery.lane import Lane
from utility_ts_analytics.delivery.waits import Backoff
from utility_ts_analytics.telemetry.measures import Measures

POLL_BYTES_MAX: Final = 4 * 1024 * 1024
"""Values that wait for the lanes, not counting the last message polled."""

_POLL_S: Final = 0.2
_PAUSE_AFTER_S: Final = 0.5
"""Pausing makes the client fetch again: not for every short wait."""

_COMMIT_S: Final = 1.0
_LOOK_AGAIN_S: Final = 0.25
_ROOM_S: Final = 1.0
_SUBMIT_S: Final = 60.0
"""Only a block that is larger than the whole queue waits here: all others have their room."""

_END_S: Final = 5.0
_RELEASE_SHARE: Final = 1 / 4
"""Of the session time-out: longest wait for rows in flight of partitions that are taken away."""

_BACKOFF: Final = Backoff(0.5, 10.0)

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("consumer")


class Reader:
    """Moves one topic into one stream's lanes. One event loop.

    Args:
        lanes: Started; all rows of a partition go by the same one. Nobody else uses them.
        rules: Turns lines into rows.
        reshape: Turns messages into lines.
        letters: Where refused records go.
        lease: Proof that this consumer is a member of its group.
        refusal: Returns why the table takes no rows just now, or None.
        stream: Name of the stream.
        topic: Name of the topic.
        measures: Counts.
        clock: Time.

    Attributes:
        member: Set before `start`; it needs `release`.
    """

    member: GroupMember

    def __init__(
        self,
        lanes: Sequence[Lane],
        *,
        rules: Rules,
        reshape: Reshape,
        letters: DeadLetterTopic,
        lease: Lease,
        refusal: Callable[[], Failure | None],
        stream: str,
        topic: str,
        measures: Measures,
        clock: Clock,
    ) -> None:
        self._lanes = lanes
        self._rules = rules
        self._reshape = reshape
        self._letters = letters
        self._lease = lease
        self._refusal = refusal
        self._stream = stream
        self._topic = topic
        self._measures = measures
        self._clock = clock
        self._backlog: deque[Piece] = deque()
        self._backlog_bytes = 0
        self._changed = asyncio.Event()
        self._open = OpenPieces()
        self._in_flight: dict[Claim, int] = {}
        self._stopping = False
        self._failures = 0
        self._committed: dict[Claim, int] = {}
        self._proving = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []

    # From start to stop

    async def start(self, ended: Callable[[asyncio.Task[None]], None]) -> None:
        """Join the group and begin; `ended` is called for each task that ends, for any reason."""
        for lane in self._lanes:
            lane.queue.add_producer()  # more rows may come: a batch lingers for them
        await self.member.join()
        work = (self._poll(), self._feed(), self._settle(), self._commit())
        self._tasks = [asyncio.create_task(part) for part in work]
        for task in self._tasks:
            task.add_done_callback(ended)

    def stop_reading(self) -> None:
        """Hand nothing more over; rows in flight are still settled."""
        self._stopping = True
        for lane in self._lanes:
            lane.queue.remove_producer()
        self._changed.set()

    async def stop(self) -> None:
        """Settle and commit what the lanes have stored, and leave the group.

        The lanes have drained before this is called: every row has ended.
        """
        polling, feeding, settling, committing = self._tasks
        await asyncio.wait({polling, feeding}, timeout=_END_S)
        feeding.cancel()  # it may wait for the dead-letter topic, behind the pieces before
        await asyncio.gather(polling, feeding, return_exceptions=True)
        with contextlib.suppress(TimeoutError):  # the dead-letter topic may be away
            async with asyncio.timeout(self._lease.session_timeout_s * _RELEASE_SHARE):
                await self._open.all_settled()
        for task in (settling, committing):
            task.cancel()
        await asyncio.gather(settling, committing, return_exceptions=True)
        await self.prove()
        await self.member.close()
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
        while any(self._in_flight.get(claim) for claim in claims):
            if self._clock.monotonic_s() > end_s or not any(claim.held for claim in claims):
                break
            await self._clock.sleep(0.02)
        for claim in claims:
            claim.held = False

    # Poll

    async def _poll(self) -> None:
        paused = False
        while not self._stopping:
            if self._backlog_bytes >= POLL_BYTES_MAX and not await self._has_shrunk():
                # Again each time: partitions that have come meanwhile are not paused.
                await self.member.pause()
                paused = True
            elif paused and self._backlog_bytes < POLL_BYTES_MAX:
                await self.member.resume()
                paused = False
            messages = await self.member.poll(_POLL_S, POLL_BYTES_MAX)
            self._measures.messages_read(len(messages))
            for piece in pieces_of(messages, self._reshape):
                self._backlog.append(piece)
                self._backlog_bytes += len(piece.lines)
                self._changed.set()
                await asyncio.sleep(0)  # a piece may be milliseconds of work

    async def _has_shrunk(self) -> bool:
        """Wait a moment for room in the backlog."""
        end_s = self._clock.monotonic_s() + _PAUSE_AFTER_S
        while self._backlog_bytes >= POLL_BYTES_MAX and self._clock.monotonic_s() < end_s:
            await self._clock.sleep(0.01)
        return self._backlog_bytes < POLL_BYTES_MAX

    # Feed

    async def _feed(self) -> None:
        while not self._stopping:
            if any(not claim.held for claim in self.member.claims):
                await self._read_again()
            elif self._refusal() is not None:
                await self._clock.sleep(_LOOK_AGAIN_S)
            elif self._backlog:
                piece = self._backlog.popleft()
                self._backlog_bytes -= len(piece.lines)
                await self._hand_over(piece)
            else:
                self._changed.clear()
                await self._changed.wait()

    async def _hand_over(self, piece: Piece) -> None:
        """Put the rows of a piece into its lane's queue; broken off where its claim ends."""
        claim = piece.claim
        if not self._may_go_on(claim):
            return
        self._in_flight[claim] = self._in_flight.get(claim, 0) + 1
        claim.until_ms = claim.until_ms or piece.messages[0].timestamp_ms
        lane = self._lanes[claim.partition % len(self._lanes)]
        session = IntakeSession(
            lane.queue, lambda: None, "", self._measures, self._clock, settlement=piece.settlement
        )
        with session:
            session.refuse(piece.errors)
            for block in self._rules.blocks(piece.lines):
                while block.rows_max and await session.make_room(
                    block.rows_max, block.size_bytes, _ROOM_S
                ):
                    if not self._may_go_on(claim):
                        break
                if not self._may_go_on(claim):
                    piece.whole = False
                    break
                decoded = block.decode()
                session.refuse(decoded.errors)
                piece.errors += decoded.errors
                failure = await session.submit(
                    decoded.rows, decoded.positions, decoded.size_bytes, _SUBMIT_S, decoded.days
                )
                if failure is not None:
                    piece.whole = False
                    break
                await asyncio.sleep(0)
        piece.lines = b""
        await self._open.add(piece)

    def _may_go_on(self, claim: Claim) -> bool:
        return claim.held and not claim.leaving and not self._stopping

    async def _read_again(self) -> None:
        """Read from what is not stored, once everything in flight has ended."""
        await self._open.all_settled()
        wait_s = _BACKOFF.wait_s(self._failures, lambda: 1.0)
        self._failures += 1
        _log.warning("reading again what was not stored", topic=self._topic, wait_s=wait_s)
        await self._clock.sleep(wait_s)
        await self.member.read_again()

    # Settle

    async def _settle(self) -> None:
        while True:
            piece = await self._open.oldest()
            await piece.settlement.settled()
            if piece.whole and piece.settlement.failure is None:
                await self._settle_stored(piece)
            elif self.member.owns(piece.claim):
                piece.claim.held = False
                self._changed.set()
            self._in_flight[piece.claim] -= 1
            if not self._in_flight[piece.claim]:
                del self._in_flight[piece.claim]
            self._open.settled()

    async def _settle_stored(self, piece: Piece) -> None:
        """Keep refused records, then let the piece be committed."""
        refused = [*piece.errors, *piece.settlement.rejected]
        claim = piece.claim
        if refused and claim.held:
            kept = letters_of(piece, refused, self._reshape, stream=self._stream, topic=self._topic)
            await self._letters.keep(kept)
            self._measures.dead_letters_kept(len(refused))
        if claim.held:
            claim.next_offset = piece.next_offset
            claim.until_ms = piece.messages[-1].timestamp_ms
            self._failures = 0

    # Commit

    async def _commit(self) -> None:
        while True:
            await self._clock.sleep(min(_COMMIT_S, self._lease.session_timeout_s / 10))
            if self._lease.wants_proof or self._is_behind(self.member.claims):
                await self.prove()

    def _is_behind(self, claims: Iterable[Claim]) -> bool:
        """Tell whether anything settled is not committed."""
        return any(claim.next_offset != self._committed.get(claim) for claim in claims)
