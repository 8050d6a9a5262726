"""Which requests may send their bodies just now, and which give way when all places are taken.

A client that sends a byte now and then could otherwise keep a place for the whole idle time-out,
and as many of them as there are places would shut out everybody.
"""

import asyncio
import contextlib
from collections.abc import Iterator

from utility_ts_analytics.asgi.body import RequestBody
from utility_ts_analytics.buffering.intake import Intake, IntakeSession
from utility_ts_analytics.errors import BodyTimeout, Draining, Overloaded

_PATIENCE_S = 3.0
"""How long an upload may stay below the minimum rate while others find no place, seconds."""
_LOOK_AGAIN_S = 0.1
"""A look that found nobody too slow is not repeated for so long: it costs a step per request."""


class Admission:
    """The requests of one worker that were admitted, and the bound on them. One event loop.

    Args:
        intake: Has the places.
    """

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._admitted: dict[RequestBody, IntakeSession] = {}
        self._cut_at_s: float | None = None
        self._looked_in_vain_s = float("-inf")

    @contextlib.contextmanager
    def admitted_or_raise(self, body: RequestBody, request_id: str = "") -> Iterator[IntakeSession]:
        """Hold a place for one request; nothing of its body has been read yet.

        Args:
            body: Of the request.
            request_id: As in its answer.

        Raises:
            Overloaded: There is no place, or no room for rows; says when to come back.
        """
        session = self._intake.try_open(request_id)
        if session is None and self._cut_slow_body():
            session = self._intake.try_open(request_id)
        if session is None:
            raise Overloaded(
                "the worker holds as much as it may just now", self._intake.retry_after_s()
            )
        if self._cut_at_s is not None:
            body.cut(self._cut_at_s, _draining)
        self._admitted[body] = session
        try:
            with session:
                yield session
        finally:
            self._admitted.pop(body, None)

    def cut_bodies(self, at_s: float) -> None:
        """Stop waiting for unfinished bodies at loop time `at_s`, seconds: the worker drains."""
        self._cut_at_s = at_s
        for body in self._admitted:
            body.cut(at_s, _draining)

    def _cut_slow_body(self) -> bool:
        """End the upload admitted first of those that are too slow; its place is free at once."""
        now_s = asyncio.get_running_loop().time()
        if self._intake.has_place or now_s - self._looked_in_vain_s < _LOOK_AGAIN_S:
            return False
        for body, session in self._admitted.items():
            # With rows on their way it would still hold memory of the database's pace.
            if session.settlement.open_rows == 0 and body.is_too_slow(now_s, _PATIENCE_S):
                del self._admitted[body]
                body.cut(now_s, _gave_way)
                session.leave_place()
                return True
        self._looked_in_vain_s = now_s
        return False


def _draining() -> Draining:
    return Draining("the service is stopping and the body was not complete in time", 1)


def _gave_way() -> BodyTimeout:
    return BodyTimeout(
        f"the body came in below the minimum rate for {_PATIENCE_S:.0f} s while all places were"
        " taken (body_min_rate_bytes, max_concurrent_requests)"
    )
