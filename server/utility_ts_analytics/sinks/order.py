"""Which rows may be written now: the order of acceptance over all lanes and workers of a stream.

Every lane of a stream, in whatever worker or generation, has a place in one small shared file and
says there since when its oldest row waits. From that follows one rule: **a row is sent, or put into
the spool, only once every row that was accepted more than `UNORDERED_S` before it has its end.**
So a version of a reading never overtakes an earlier one that is being sent again, goes another way,
or waits behind a slow database; while all is well no row is that old, and nothing waits.

A request whose answer never came may still be carried out by QuestDB. While one is in doubt,
nothing later is sent to QuestDB until QuestDB has answered something asked after it, and for
`GRACE_S` more. The rows of a worker that died are gone, but not what it was sending: that is in
doubt too. Decision 0024 has the reasons.
"""

import math
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from utility_ts_analytics.clock import Clock
from utility_ts_analytics.sinks.contract import Delivered, InDoubt, Outcome, Rejected
from utility_ts_analytics.sinks.doubts import Doubts
from utility_ts_analytics.sinks.order_file import COUNTED, DOUBT, OLDEST, SENDING, OrderFile

GRACE_S: Final = 1.0
"""After a lost answer a producer waits so long before a newer version, seconds."""

UNORDERED_S: Final = 0.5
"""Rows accepted within this time of each other have no order between two lanes, seconds. Less than
`GRACE_S`: a post may be accepted a moment after its client has given it up."""

_SLOW_SEND_S: Final = 0.25
"""A send that takes longer is one whose worker may have died."""

_LOOK_AGAIN_S: Final = 0.02


class StreamOrder:
    """The order of one stream, as one process sees it. One event loop.

    Args:
        path: The file, made if it is not there; None keeps the order of this process alone.
        clock: Time; its monotonic seconds must be those of all processes.
        answered: Returns when the last question that QuestDB has answered was asked, monotonic
            seconds. Without it a doubt ends with time alone.
    """

    def __init__(
        self, path: Path | None, clock: Clock, answered: Callable[[], float] | None = None
    ) -> None:
        self.clock = clock
        self._file = OrderFile(path)
        self._times = self._file.times
        self._answered = answered or clock.monotonic_s
        self._asked_s = -math.inf
        self._known_places = self._known_reuses = 0
        self._watched: list[int] = []
        self._buried: set[int] = set()
        self._doubts = Doubts(GRACE_S)

    @property
    def service_id(self) -> int:
        """What tells this service from those before it; not 0 once a lane has its place."""
        return self._file.service_id

    @property
    def spooled_rows(self) -> int:
        """Rows of the stream that wait in the spool, of all workers."""
        return self._file.spooled_rows

    @spooled_rows.setter
    def spooled_rows(self, rows: int) -> None:
        """Whoever holds the spool's lock says how many there are."""
        self._file.spooled_rows = rows

    @property
    def leaving(self) -> tuple[int, int]:
        """See `OrderFile.leaving`."""
        return self._file.leaving

    @leaving.setter
    def leaving(self, record: tuple[int, int]) -> None:
        """See `OrderFile.leaving`."""
        self._file.leaving = record

    def lane(self) -> "LaneOrder":
        """Take a place for one lane of this process; it is kept until the process ends.

        Raises:
            OSError: There is no room on the disk.
        """
        place = self._file.take_place(self.clock.monotonic_s())
        return LaneOrder(self, place, self._file.id_of(place))

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

    def counted_by_its_worker(self, origin: int, number: int) -> bool | None:
        """Tell whether a spooled record is in the books of this service.

        Args:
            origin: `LaneOrder.id` of the lane that spooled it, or `service_id`.
            number: Of the record.

        Returns:
            None if the lane is of an earlier service.
        """
        if origin == self.service_id:
            return True
        file = self._file
        for place in file.places():
            if file.id_of(place) == origin:
                return file.ints[place + COUNTED] >= number or file.is_alive(place)
        return None

    # Of one place; for `LaneOrder`

    def say_oldest(self, place: int, since_s: float) -> None:
        """Say since when the oldest row of a lane waits; 0 for none."""
        self._times[place + OLDEST] = since_s

    def say_sending(self, place: int, since_s: float) -> None:
        """Say that a request is on its way; 0 for none."""
        self._times[place + SENDING] = since_s

    def say_doubt(self, place: int) -> None:
        """Say that QuestDB may carry out a request of the lane although nobody waits for it."""
        self._times[place + DOUBT] = self.clock.monotonic_s()

    def say_counted(self, place: int, number: int) -> None:
        """Say that the lane's spooled records up to `number` are in its worker's books."""
        self._file.ints[place + COUNTED] = number

    def _others(self) -> list[int]:
        """Return the places that may matter: all but those of the dead."""
        places, reuses = self._file.places(), self._file.reuses
        if (len(places), reuses) != (self._known_places, self._known_reuses):
            self._known_places, self._known_reuses = len(places), reuses
            self._watched = [p for p in places if self._file.id_of(p) not in self._buried]
        return self._watched

    def _bury_if_dead(self, place: int) -> bool:
        """Stop watching a lane whose process is gone; what it was sending is in doubt from now."""
        if self._file.is_alive(place):
            return False
        self._watched = [watched for watched in self._watched if watched != place]
        self._buried.add(self._file.id_of(place))
        if self._times[place + SENDING]:
            self._doubts.note(place, self.clock.monotonic_s())
        elif self._times[place + DOUBT]:  # it died before its next attempt
            self._doubts.note(place, self._times[place + DOUBT])
        return True


class LaneOrder:
    """One lane's place in the order of its stream. Made by `StreamOrder.lane`.

    Attributes:
        stream: The file that it is in.
        id: What tells this lane from all others, >= 1.
    """

    def __init__(self, stream: StreamOrder, place: int, lane_id: int) -> None:
        self.stream = stream
        self.id = lane_id
        self._place = place
        self._batch_in_doubt = False

    def limit_s(self) -> float:
        """Return up to when accepted rows may leave the lane, monotonic seconds; never falls."""
        return self.stream.limit_s(self._place)

    def say_oldest(self, accepted_s: float | None) -> None:
        """Say when the oldest row without an end was accepted; None where there is none."""
        self.stream.say_oldest(self._place, accepted_s or 0.0)

    def say_counted(self, number: int) -> None:
        """Say that this lane's spooled records up to `number` are in the books."""
        self.stream.say_counted(self._place, number)

    def begin_batch(self) -> None:
        """Begin with rows that were not sent before: a doubt of this lane holds them up too."""
        self._batch_in_doubt = False

    async def clear_to_send(self, deadline_s: float) -> bool:
        """Wait until no earlier request is in doubt; tell whether that came in time.

        A batch that is in doubt itself may be sent again: its rows are the same.
        """
        clock = self.stream.clock
        while self.stream.in_doubt(self._place, own_counts=not self._batch_in_doubt):
            if clock.monotonic_s() >= deadline_s:
                return False
            await clock.sleep(_LOOK_AGAIN_S)
        return True

    async def watched(self, send: Awaitable[Outcome]) -> Outcome:
        """Await one send; others know meanwhile that it is on its way, and how it ended.

        Raises:
            BaseException: What `send` raises, a cancellation too: it is in doubt then.
        """
        began_s = self.stream.clock.monotonic_s()
        self.stream.say_sending(self._place, began_s)
        try:
            outcome = await send
        except BaseException:
            self._doubt()
            raise
        if isinstance(outcome, InDoubt) and outcome.may_come_late:
            self._doubt()
        elif isinstance(outcome, Delivered | Rejected):
            self.stream.note_answer(began_s)
        self.stream.say_sending(self._place, 0.0)
        return outcome

    def _doubt(self) -> None:
        self._batch_in_doubt = True
        self.stream.say_doubt(self._place)
        self.stream.say_sending(self._place, 0.0)
