"""A sink that writes only what this consumer still holds: checked right before every request.

A consumer that was frozen wakes up behind a successor that may have stored later versions. It must
not write what it had read before, neither at once nor in a later attempt.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Final

from utility_ts_analytics.buffering.block import Block
from utility_ts_analytics.consume.claims import REQUEST_SHARE_MAX, Claim, Lease, claim_of
from utility_ts_analytics.sinks.contract import Outcome, Payload, RetryLater, Sink

_NOT_HELD: Final = RetryLater(
    "the rows were not sent: their partition is not held any more, or they are read again",
    "draining",
)
_NOT_PROVED: Final = RetryLater(
    "the rows were not sent: the coordinator of the consumer group has not confirmed for too long"
    " that this consumer is a member",
    "draining",
)


class Fence:
    """Decides whether rows may be written now. One event loop.

    Args:
        lease: Proof of membership.
        prove: Asks the coordinator for a new proof; the lease has it afterwards, or has not.
    """

    def __init__(self, lease: Lease, prove: Callable[[], Awaitable[None]]) -> None:
        self._lease = lease
        self._prove = prove

    @property
    def request_s_max(self) -> float:
        """Longest request to QuestDB, seconds."""
        return self._lease.session_timeout_s * REQUEST_SHARE_MAX

    async def refusal(self, claims: Collection[Claim]) -> RetryLater | None:
        """Return why rows of these claims must not be written; None if they may be now."""
        if self._lease.wants_proof and all(claim.held for claim in claims):
            await self._prove()
        if not all(claim.held for claim in claims):
            return _NOT_HELD
        return None if self._lease.holds else _NOT_PROVED


class FencedSink:
    """A `Sink` in front of another one.

    Args:
        sink: Writes; owned by this from here on.
        fence: Is asked before each request.
    """

    def __init__(self, sink: Sink, fence: Fence) -> None:
        self._sink = sink
        self._fence = fence

    @property
    def name(self) -> str:
        """Name of the sink behind."""
        return self._sink.name

    def new_payload(self) -> "FencedPayload":
        """Return an empty payload."""
        return FencedPayload(self._sink.new_payload(), self._fence)

    async def close(self) -> None:
        """Close the sink behind."""
        await self._sink.close()


class FencedPayload:
    """Rows of one or several claims. Made by `FencedSink.new_payload`."""

    def __init__(self, payload: Payload, fence: Fence) -> None:
        self._payload = payload
        self._fence = fence
        self._claims: set[Claim] = set()

    def encode(self, block: Block) -> None:
        """Append the rows of `block`, and note their claim."""
        self._claims.add(claim_of(block))
        self._payload.encode(block)

    async def send(self, *, timeout_s: float) -> Outcome:
        """Send all rows if every claim holds; otherwise nothing (code `draining`)."""
        try:
            async with asyncio.timeout(timeout_s):
                refused = await self._fence.refusal(self._claims)
        except TimeoutError:  # the coordinator may not answer for minutes
            refused = _NOT_PROVED
        if refused is not None:
            return refused
        return await self._payload.send(timeout_s=min(timeout_s, self._fence.request_s_max))
