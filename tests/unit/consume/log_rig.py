"""Messages as the group member returns them, and a sink that notes what it is sent."""

from collections.abc import Sequence

from utility_ts_analytics.buffering.block import Block
from utility_ts_analytics.consume.claims import Claim
from utility_ts_analytics.consume.pieces import Message
from utility_ts_analytics.sinks.contract import Delivered, Outcome
from utility_ts_analytics.sinks.kafka.messages import Headers

CLAIM = Claim(0)


def message(
    value: bytes | None,
    *,
    offset: int = 0,
    claim: Claim | None = None,
    headers: Headers | None = None,
    key: bytes | None = None,
) -> Message:
    return Message(claim or CLAIM, offset, 1_000, key, value, headers or [])


class NotingSink:
    """A sink that stores everything."""

    name = "ilp"

    def __init__(self) -> None:
        self.timeouts_s: list[float] = []
        self.closed = False

    def new_payload(self) -> "NotingPayload":
        return NotingPayload(self)

    async def close(self) -> None:
        self.closed = True


class NotingPayload:
    def __init__(self, sink: NotingSink) -> None:
        self._sink = sink
        self.blocks: list[Block] = []

    def encode(self, block: Block) -> None:
        self.blocks.append(block)

    async def send(self, *, timeout_s: float) -> Outcome:
        self._sink.timeouts_s.append(timeout_s)
        return Delivered()


def codes(errors: Sequence[object]) -> list[str]:
    return [str(getattr(error, "code", "")) for error in errors]
