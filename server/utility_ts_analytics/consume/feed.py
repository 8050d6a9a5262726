"""One database of a stream: messages of its partitions into its lanes, until their rows are stored.

Each shard has a feed of its own, with its own buffers and waits, so that a shard that is away holds
up no other partitions. Without shards there is one feed.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Container, Sequence
from typing import Final

import structlog

from utility_ts_analytics.buffering.block import Failure
from utility_ts_analytics.buffering.intake import IntakeSession
from utility_ts_analytics.clock import Clock
from utility_ts_analytics.consume.claims import Claim
from utility_ts_analytics.consume.dead_letters import DeadLetterTopic
from utility_ts_analytics.consume.group import GroupMember
from utility_ts_analytics.consume.letters import letters_of
from utility_ts_analytics.consume.open_pieces import OpenPieces
from utility_ts_analytics.consume.pieces import Piece, Reshape
from utility_ts_analytics.consume.rules import Rules
from utility_ts_analytics.delivery.lane import Lane
from utility_ts_analytics.delivery.waits import Backoff
from utility_ts_analytics.telemetry.measures import Measures

BACKLOG_BYTES_MAX: Final = 4 * 1024 * 1024
"""Values that wait for the lanes, not counting the last message polled."""

_LOOK_AGAIN_S: Final = 0.25
_ROOM_S: Final = 1.0
_SUBMIT_S: Final = 60.0
"""Only a block that is larger than the whole queue waits here: all others have their room."""

_BACKOFF: Final = Backoff(0.5, 10.0)

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("consumer")


class Feed:
    """Moves the pieces of some partitions into one database. One event loop.

    Args:
        lanes: Started; all rows of a partition go by the same one. Nobody else uses them.
        partitions: That it takes; None takes all.
        rules: Turns lines into rows.
        reshape: Turned the messages into lines.
        letters: Where refused records go.
        refusal: Returns why the table takes no rows just now, or None.
        stream: Name of the stream.
        topic: Name of the topic.
        shard: Name of the database; empty if there is one only.
        measures: Counts.
        clock: Time.

    Attributes:
        lanes: As given.
        member: Set before `feed` begins.
    """

    member: GroupMember

    def __init__(
        self,
        lanes: Sequence[Lane],
        *,
        partitions: Container[int] | None,
        rules: Rules,
        reshape: Reshape,
        letters: DeadLetterTopic,
        refusal: Callable[[], Failure | None],
        stream: str,
        topic: str,
        shard: str,
        measures: Measures,
        clock: Clock,
    ) -> None:
        self.lanes = lanes
        self._partitions = partitions
        self._rules = rules
        self._reshape = reshape
        self._letters = letters
        self._refusal = refusal
        self._stream = stream
        self._topic = topic
        self._shard = shard
        self._measures = measures
        self._clock = clock
        self._backlog: deque[Piece] = deque()
        self._backlog_bytes = 0
        self._changed = asyncio.Event()
        self._open = OpenPieces()
        self._in_flight: dict[Claim, int] = {}
        self._stopping = False
        self._failures = 0

    def takes(self, partition: int) -> bool:
        """Tell whether the rows of a partition go into this database."""
        return self._partitions is None or partition in self._partitions

    @property
    def is_full(self) -> bool:
        """Whether no more of its partitions should be polled."""
        return self._backlog_bytes >= BACKLOG_BYTES_MAX

    @property
    def is_idle(self) -> bool:
        """Whether it waits for something to be polled."""
        return not self._backlog

    @property
    def has_room(self) -> bool:
        """Whether paused partitions are worth polling again."""
        return self._backlog_bytes < BACKLOG_BYTES_MAX / 2

    def put(self, piece: Piece) -> None:
        """Append a piece to the backlog, whatever its size."""
        self._backlog.append(piece)
        self._backlog_bytes += len(piece.lines)
        self._changed.set()

    def stop_reading(self) -> None:
        """Hand nothing more over; rows in flight are still settled."""
        self._stopping = True
        for lane in self.lanes:
            lane.queue.remove_producer()
        self._changed.set()

    def is_in_flight(self, claim: Claim) -> bool:
        """Tell whether rows of a claim were handed over and are not settled."""
        return claim in self._in_flight

    async def all_settled(self) -> None:
        """Return once nothing is in flight."""
        await self._open.all_settled()

    # Feed

    async def feed(self) -> None:
        """Hand pieces over until `stop_reading`."""
        while not self._stopping:
            if any(not claim.held for claim in self.member.claims if self.takes(claim.partition)):
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
        lane = self.lanes[claim.partition % len(self.lanes)]
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
                piece.rows += decoded.row_count
                failure = await session.submit(
                    decoded.lines or decoded.rows,
                    decoded.positions,
                    decoded.size_bytes,
                    _SUBMIT_S,
                    decoded.days,
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
        named = {"shard": self._shard} if self._shard else {}
        _log.warning("reading again what was not stored", topic=self._topic, wait_s=wait_s, **named)
        await self._clock.sleep(wait_s)
        await self.member.read_again(self.takes)

    # Settle

    async def settle(self) -> None:
        """Wait for the end of each piece, in the order in which they were handed over."""
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
            claim.note_rows(piece.rows + len(piece.errors), len(piece.messages))
            self._failures = 0
