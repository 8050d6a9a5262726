"""Which requests may send their bodies now, and which give way when all places are taken.

Otherwise a client could keep a place with a byte now and then, or with lines that are no readings,
and as many such clients as there are places would shut out all others (docs/decisions/0028).
"""

import asyncio
from collections.abc import Callable, Container
from typing import Final

from utility_ts_analytics.asgi.body import RequestBody
from utility_ts_analytics.buffering.intake import Intake, IntakeSession
from utility_ts_analytics.errors import BodyTimeout, Draining, Overloaded

_PATIENCE_S = 3.0
"""How long an upload may bring too little while others find no place, seconds."""
_EMPTY_PATIENCE_S = 1.0
"""The same for an upload that has brought nothing."""
_LOOK_AGAIN_S = 0.1
"""Pause after a search that found no upload to end, seconds: a search takes a step per request."""
_TICK_S = 0.5
"""How often to look for clients that left while their bodies are worked on, seconds."""
_SPARE_SHARE: Final = 16
"""One holder gets all places but a sixteenth, so that others find one at once."""


class Place:
    """The place of an admitted request. A context manager that frees it at the end of the block."""

    __slots__ = ("_forget", "body", "holder", "session")

    def __init__(
        self,
        holder: str,
        body: RequestBody,
        session: IntakeSession,
        forget: Callable[[RequestBody], None],
    ) -> None:
        self.holder = holder
        self.body = body
        self.session = session
        self._forget = forget

    def __enter__(self) -> IntakeSession:
        return self.session

    def __exit__(self, *_: object) -> None:
        self.session.end_of_rows()
        self.session.leave_place()
        self._forget(self.body)


class Admission:
    """Admits the requests of one worker to the places of its intake. One event loop."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        places = intake.max_concurrent_requests
        self._holder_places_max = places - places // _SPARE_SHARE
        self._admitted: dict[RequestBody, Place] = {}  # in the order of their admission
        self._places: dict[str, int] = {}
        self._stop_at_s: float | None = None
        self._found_none_s: dict[int, float] = {}  # by the places of the holder who asked
        self._ticking = False

    def admitted_or_raise(self, body: RequestBody, holder: str = "", request_id: str = "") -> Place:
        """Return a place for one request; none of its body has been read yet.

        Args:
            body: Body of the request.
            holder: Who sends it; places are shared between holders (`request.holder_of`).
            request_id: As in the answer.

        Raises:
            Overloaded: There is no place, or no room for rows; says when to come back.
        """
        session = self._try_open(holder, request_id)
        if session is None and self._make_place(holder):
            session = self._try_open(holder, request_id)
        if session is None:
            raise Overloaded(self._why_full(holder), self._intake.retry_after_s())
        if self._stop_at_s is not None:
            body.deadline.set(self._stop_at_s, _draining)
        session.waiting = body.progress
        place = self._admitted[body] = Place(holder, body, session, self._forget)
        self._places[holder] = self._places.get(holder, 0) + 1
        if not self._ticking:
            self._tick_later()
        return place

    def stop_bodies(self, at_s: float) -> None:
        """Stop the work on bodies at loop time `at_s`, seconds: the worker drains."""
        self._stop_at_s = at_s
        for body in self._admitted:
            body.deadline.set(at_s, _draining)

    def make_way(self, body: RequestBody, among: Container[RequestBody]) -> bool:
        """End an upload out of `among` that brings too little, for the sake of `body`.

        Returns:
            Whether there was one; it soon releases what it holds.
        """
        upload = self._admitted.get(body)
        if upload is None:
            return False
        others = [other for other in self._admitted.values() if other.body in among]
        return self._end_one(others, self._places[upload.holder])

    def _try_open(self, holder: str, request_id: str) -> IntakeSession | None:
        if self._places.get(holder, 0) >= self._holder_places_max:
            return None
        return self._intake.try_open(request_id)

    def _why_full(self, holder: str) -> str:
        places = self._places.get(holder, 0)
        if places >= self._holder_places_max:
            return f"{places} requests of this client are being served (max_concurrent_requests)"
        return "the worker holds as much as it may just now"

    def _make_place(self, holder: str) -> bool:
        """End an upload if places are short, so that its place is free at once."""
        places = self._places.get(holder, 0)
        uploads = list(self._admitted.values())
        if places >= self._holder_places_max:
            uploads = [upload for upload in uploads if upload.holder == holder]
        elif self._intake.has_place:
            return False
        now_s = asyncio.get_running_loop().time()
        if now_s - self._found_none_s.get(places, float("-inf")) < _LOOK_AGAIN_S:
            return False
        if self._end_one(uploads, places):
            return True
        self._found_none_s[places] = now_s
        return False

    def _end_one(self, uploads: list[Place], places: int) -> bool:
        """End one upload that lags: the first one admitted of the holder with the most places.

        Args:
            uploads: The uploads to choose from, in the order of their admission.
            places: Places of the holder for whose sake one gives way.

        Returns:
            Whether there was one.
        """
        now_s = asyncio.get_running_loop().time()
        lagging = [upload for upload in uploads if self._gives_way(upload, places, now_s)]
        if not lagging:
            return False
        upload = max(lagging, key=lambda one: self._places[one.holder])
        self._forget(upload.body)
        upload.body.deadline.set(now_s, _gave_way)
        upload.session.leave_place()
        return True

    def _gives_way(self, upload: Place, places: int, now_s: float) -> bool:
        if upload.session.settlement.open_rows:
            return False  # until its rows are stored, its memory would not be free
        patience_s = _PATIENCE_S if upload.body.progress.useful_bytes else _EMPTY_PATIENCE_S
        if self._places[upload.holder] > places + 1:
            patience_s = 0.0
        return upload.body.progress.lags_s(now_s) > patience_s

    def _tick_later(self) -> None:
        """Set one timer for all requests: one each would cost every small post a microsecond."""
        self._ticking = bool(self._admitted)
        if self._ticking:
            asyncio.get_running_loop().call_later(_TICK_S, self._tick)

    def _tick(self) -> None:
        now_s = asyncio.get_running_loop().time()
        for upload in self._admitted.values():
            upload.body.look(now_s)
            upload.session.settlement.end_overdue_wait(now_s)
        self._tick_later()

    def _forget(self, body: RequestBody) -> None:
        upload = self._admitted.pop(body, None)
        if upload is None:
            return
        self._places[upload.holder] -= 1
        if not self._places[upload.holder]:
            del self._places[upload.holder]


def _draining() -> Draining:
    return Draining("the service is stopping and the body was not complete in time", 1)


def _gave_way() -> BodyTimeout:
    return BodyTimeout(
        "the body brought fewer valid rows than the minimum rate asks for, and others found no"
        " place (body_min_rate_bytes, max_concurrent_requests)"
    )
