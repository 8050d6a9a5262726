"""One lane with all that belongs to it: queue, sinks, spool; their life from start to close."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog

from utility_ts_analytics.buffering.block import Failure
from utility_ts_analytics.buffering.queue import BlockQueue
from utility_ts_analytics.sinks.dispatch import Dispatch
from utility_ts_analytics.sinks.lane import Lane
from utility_ts_analytics.sinks.spool import Spool
from utility_ts_analytics.sinks.store_forward import StoreForward

_CLOSE_S = 2.0

_log = structlog.get_logger("lane")


class Closable(Protocol):
    """Holds a connection, a file or a thread."""

    async def close(self) -> None:
        """Release it. Idempotent."""
        ...


@dataclass(frozen=True, slots=True)
class SpoolParts:
    """What a lane needs to store and forward."""

    spool: Spool
    forward: StoreForward[Any]


@dataclass(slots=True)
class DeliveryLane:
    """What one lane is made of. One event loop.

    Attributes:
        queue: What waits.
        lane: Empties the queue.
        dispatch: Delivers for the lane.
        closables: Closed last.
        spool: Keeps what cannot be delivered; None gives it back.
    """

    queue: BlockQueue
    lane: Lane[Any]
    dispatch: Dispatch[Any]
    closables: Sequence[Closable]
    spool: SpoolParts | None = None
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def start(self, ended: Callable[[asyncio.Task[None]], None]) -> None:
        """Start working; `ended` is told of each task that ends, whatever the reason."""
        work = [self.lane.run()]
        if self.spool is not None:
            refused = await self.spool.spool.open()
            if refused is not None:
                _log.error("the spool cannot be used", reason=refused)
            work.append(self.spool.forward.run())
        self._tasks = [asyncio.create_task(part) for part in work]
        for task in self._tasks:
            task.add_done_callback(ended)

    def refusal(self) -> Failure | None:
        """Return why new rows should be refused at once, or None; the spool is not asked."""
        return self.dispatch.refusal()

    @property
    def takes_rows(self) -> bool:
        """Whether there is a spool with room for what the database does not take."""
        return self.spool is not None and self.spool.forward.takes_rows

    async def drain(self, timeout_s: float) -> None:
        """Send or spool what is held within the time, give back the rest; see `Lane.drain`."""
        await self.lane.drain(timeout_s)

    async def close(self) -> None:
        """Stop working and release everything; spooled rows stay where they are."""
        if self.spool is not None:
            await self.spool.forward.stop(_CLOSE_S)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        spool = [] if self.spool is None else [self.spool.spool]
        for closable in (*spool, *self.closables):
            with contextlib.suppress(TimeoutError):  # a flush may still hang in its thread
                async with asyncio.timeout(_CLOSE_S):
                    await closable.close()


def shared_refusal(
    lanes: Sequence[DeliveryLane], trouble: Callable[[], Failure | None]
) -> Failure | None:
    """Return why no lane should be given rows just now, or None.

    Args:
        lanes: Of one stream and worker, at least one.
        trouble: Returns why the table cannot take rows, as far as is known.
    """
    failure = trouble()
    if failure is None:
        refusals = [lane.refusal() for lane in lanes]
        failure = refusals[0] if all(refusals) else None
    spooling = any(lane.takes_rows for lane in lanes)
    if failure is not None and failure.code == "sink-unavailable" and spooling:
        return None
    return failure
