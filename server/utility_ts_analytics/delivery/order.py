"""Which rows may be written now: the order of acceptance over all lanes and workers of a stream.

Every lane of a stream, in any worker and generation, has a place in one small shared file
(`order_file`) and writes there when its oldest row was accepted. One rule follows: **a row is sent,
or put into the spool, only once every row that was accepted more than `UNORDERED_S` before it is
settled.** So a version of a reading never overtakes an earlier one that is being sent again, goes
by the fallback, or waits behind a slow database. While all is well no row is that old, and nothing
waits.

QuestDB may still carry out a request whose answer never came. While one is in doubt, nothing later
is sent to QuestDB until QuestDB has answered something asked after it, and for `GRACE_S` more. A
worker that died has lost its rows, but not what it was sending: that is in doubt too. Decision 0024
has the reasons.
"""

import math
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path
from typing import Final

from utility_ts_analytics.clock import Clock
from utility_ts_analytics.delivery.order_file import COUNTED, DOUBT, OLDEST, SENDING, OrderFile
from utility_ts_analytics.sinks.contract import Delivered, InDoubt, Outcome, Rejected

GRACE_S: Final = 1.0
"""How long a producer waits after a lost answer before it sends a newer version, seconds."""

UNORDERED_S: Final = 0.5
"""Rows accepted within this time of each other have no order between two lanes, seconds. Less than
`GRACE_S`: a post may be accepted shortly after its client has given up."""

_SLOW_SEND_S: Final = 0.25
"""After this time it is checked whether the worker of a send has died."""

_LOOK_AGAIN_S: Final = 0.02


class StreamOrder:
    """The order of one stream, as one process sees it. One event loop.

    Args:
        path: The file, made if it is not there; None keeps the order of this process alone.
        clock: Time; its monotonic seconds must be those of all processes.
        answered: Returns when the last question that QuestDB has answered was asked, monotonic
            seconds. Without it a doubt ends with time alone.

    Attributes:
        clock: Time.
        file: The shared file.
    """

    def __init__(
        self, path: Path | None, clock: Clock, answered: Callable[[], float] | None = None
    ) -> None:
        self.clock = clock
        self.file = OrderFile(path)
        self._times = self.file.times
        self._answered = answered or clock.monotonic_s
        self._asked_s = -math.inf
        self._known_places = self._known_reuses = 0
        self._watched: list[int] = []
        self._buried: set[int] = set()
        self._doubts = Doubts(GRACE_S)

    def lane(self) -> "LaneOrder":
        """Take a place for one lane of this process; it is kept until the process ends.

        Raises:
            OSError: There is no room on the disk.
        """
        return LaneOrder(self, self.file.take_place(self.clock.monotonic_s()))

    def limit_s(self, own_place: int) -> float:
        """Return up to when accepted rows may leave the lane at `own_place`; never falls."""
        now_s = self.clock.monotonic_s()
        oldest_s = now_s
        for place in self._others():
            since_s = self._times[place + OLDEST]
            if since_s == 0.0 or since_s >= oldest_s or place == own_place:
                continue
            if since_s < now_s - UNORDERED_S and self._bury_if_dead(place):
                continue
            oldest_s = since_s
        return oldest_s + UNORDERED_S

    def in_doubt(self, own_place: int, *, own_counts: bool) -> bool:
        """Tell whether QuestDB may still carry out a request whose answer did not come."""
        now_s = self.clock.monotonic_s()
        for place in self._others():
            doubt_s = self._times[place + DOUBT]
            if doubt_s:
                self._doubts.note(place, doubt_s)
            elif 0.0 < self._times[place + SENDING] < now_s - _SLOW_SEND_S:
                self._bury_if_dead(place)
        ended_s = self._doubts.end(max(self._answered(), self._asked_s), now_s).get(own_place)
        if ended_s is not None and self._times[own_place + DOUBT] == ended_s:
            self._times[own_place + DOUBT] = 0.0
        return any(own_counts or place != own_place for place in self._doubts.places())

    def note_answer(self, asked_s: float) -> None:
        """Note that QuestDB has answered a request that was sent at `asked_s`."""
        self._asked_s = max(self._asked_s, asked_s)

    def _others(self) -> list[int]:
        """Return the places that may matter: all but those of the dead."""
        places, reuses = self.file.places(), self.file.reuses
        if (len(places), reuses) != (self._known_places, self._known_reuses):
            self._known_places, self._known_reuses = len(places), reuses
            self._watched = [p for p in places if self.file.id_of(p) not in self._buried]
        return self._watched

    def _bury_if_dead(self, place: int) -> bool:
        """Stop watching a lane whose process is gone; what it was sending is in doubt from now."""
        if self.file.is_alive(place):
            return False
        self._watched = [watched for watched in self._watched if watched != place]
        self._buried.add(self.file.id_of(place))
        if self._times[place + SENDING]:
            self._doubts.note(place, self.clock.monotonic_s())
        elif self._times[place + DOUBT]:  # it died before its next attempt
            self._doubts.note(place, self._times[place + DOUBT])
        return True


class LaneOrder:
    """One lane's place in the order of its stream. Made by `StreamOrder.lane`.

    Attributes:
        clock: Time.
        file: The shared file.
        id: Of this lane alone, >= 1.
    """

    def __init__(self, stream: StreamOrder, place: int) -> None:
        self.clock = stream.clock
        self.file = stream.file
        self.id = self.file.id_of(place)
        self._stream = stream
        self._place = place
        self._batch_in_doubt = False

    def limit_s(self) -> float:
        """Return up to when accepted rows may leave the lane, monotonic seconds; never falls."""
        return self._stream.limit_s(self._place)

    def say_oldest(self, accepted_s: float | None) -> None:
        """Say when the oldest row that is not settled was accepted; None where there is none."""
        self.file.times[self._place + OLDEST] = accepted_s or 0.0

    def say_counted(self, number: int) -> None:
        """Say that this lane's spooled records up to `number` are counted by its worker."""
        self.file.ints[self._place + COUNTED] = number

    def begin_batch(self) -> None:
        """Begin a batch of rows that were not sent before: a doubt of this lane delays them too."""
        self._batch_in_doubt = False

    async def clear_to_send(self, deadline_s: float) -> bool:
        """Wait until no earlier request is in doubt; return False if the deadline comes first.

        A batch that is itself in doubt may be sent again: its rows are the same.
        """
        while self._stream.in_doubt(self._place, own_counts=not self._batch_in_doubt):
            if self.clock.monotonic_s() >= deadline_s:
                return False
            await self.clock.sleep(_LOOK_AGAIN_S)
        return True

    async def watched(self, send: Awaitable[Outcome]) -> Outcome:
        """Await one send. Other lanes see meanwhile that a request is open, and then how it ended.

        Raises:
            BaseException: What `send` raises, a cancellation too: it is in doubt then.
        """
        began_s = self.clock.monotonic_s()
        self._say_sending(began_s)
        try:
            outcome = await send
        except BaseException:
            self._doubt()
            raise
        if isinstance(outcome, InDoubt) and outcome.may_come_late:
            self._doubt()
        elif isinstance(outcome, Delivered | Rejected):
            self._stream.note_answer(began_s)
        self._say_sending(0.0)
        return outcome

    def _doubt(self) -> None:
        self._batch_in_doubt = True
        self.file.times[self._place + DOUBT] = self.clock.monotonic_s()
        self._say_sending(0.0)

    def _say_sending(self, since_s: float) -> None:
        """Say since when a request is open; 0 for none."""
        self.file.times[self._place + SENDING] = since_s


class Doubts:
    """Requests whose answer did not come, by the place of the lane that sent each. Pure.

    A doubt ends once QuestDB has answered something that was asked after it began, and a while more
    has passed: QuestDB has carried out by then what it had received before, or never will.

    Args:
        grace_s: That while, seconds.
    """

    def __init__(self, grace_s: float) -> None:
        self._grace_s = grace_s
        self._open: dict[int, tuple[float, float | None]] = {}
        self._over: dict[int, float] = {}

    def places(self) -> Collection[int]:
        """Return the places whose requests are in doubt."""
        return self._open.keys()

    def note(self, place: int, began_s: float) -> None:
        """Note a doubt; one that is known, or over, stays as it is.

        Args:
            place: Of the lane; a later doubt takes the place of an earlier one.
            began_s: When the lane stopped waiting for the answer, monotonic seconds.
        """
        known_s, _ = self._open.get(place, (None, None))
        if began_s not in (known_s, self._over.get(place)):
            self._open[place] = (began_s, None)

    def end(self, answered_s: float, now_s: float) -> dict[int, float]:
        """End the doubts whose time has come; return their places and when they began.

        Args:
            answered_s: When the last question that QuestDB has answered was asked.
            now_s: Now, on the same clock.
        """
        ended = {}
        for place, (began_s, seen_s) in list(self._open.items()):
            if seen_s is None and answered_s >= began_s:
                self._open[place] = (began_s, now_s)
            elif seen_s is not None and now_s - seen_s >= self._grace_s:
                del self._open[place]
                self._over[place] = ended[place] = began_s
        return ended
