"""What the answers of a run come to: counts, times, and what they promise."""

from collections.abc import Sequence

import msgspec
import numpy as np
from loadtest.profiles.bodies import Stock

PERCENTS = (50, 90, 99, 99.9, 100)
NO_ANSWER = 0
"""Status of a post that the other end did not answer."""

_TURNED_AWAY_STATUSES = frozenset((429, 503))
_CERTAIN_STATUSES = frozenset((400, 401, 403, 404, 405, 413, 415, 422, 429))
"""After these, exactly the rows that the answer calls accepted are stored."""

_FAULTS_KEPT_MAX = 10


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt to post a body and its answer. Times are monotonic, seconds.

    Attributes:
        first: Number of the body's first piece.
        pieces: How many it has.
        due_s: When it was due by the schedule.
        sent_s: When this attempt began.
        ended_s: When its answer was there.
        status: Of HTTP, or `NO_ANSWER`.
        accepted: Rows that the answer calls accepted.
        last: Whether the body is not posted again after this answer.
        replay: Whether the body had been acknowledged before.
        fault: Why this is not the right answer; empty if it is.
    """

    first: int
    pieces: int = 1
    due_s: float
    sent_s: float
    ended_s: float
    status: int
    accepted: int
    last: bool
    replay: bool
    fault: str


class Tally(msgspec.Struct):
    """The sums over all attempts of a run. Memory grows by some bytes for each body.

    Attributes:
        posts: Bodies, each counted once however often it was sent, without replays.
        replays: Bodies posted again on purpose after their acknowledgement.
        answers: All attempts.
        faulty: Posts and replays that ended without the right answer.
        turned_away: Answers 429 and 503.
        accepted: Rows that answers call accepted, repeats included.
        accepted_max: The same, with all rows of posts that have no certain answer.
        size: Bytes of the bodies answered by 200.
        lines: Lines of these bodies.
        refused: Lines that such answers refused, by code.
        certain: Whether every answer was a 200 or accepted nothing for certain.
        whole: Numbers of pieces that an answer calls stored.
        doubtful: Numbers of pieces that may be stored, whole or in part.
        unfinished: First pieces of bodies that are still to be posted again.
        faults: The first of them.
        begin_s: The first moment of the run, monotonic; `end_s` is the last one.
        from_due_ms: From when each post was due to its last answer, waits and retries included.
        from_sent_ms: From the start of each attempt to its answer.
    """

    posts: int = 0
    replays: int = 0
    answers: int = 0
    faulty: int = 0
    turned_away: int = 0
    accepted: int = 0
    accepted_max: int = 0
    size: int = 0
    lines: int = 0
    refused: dict[str, int] = {}
    certain: bool = True
    whole: set[int] = set()
    doubtful: set[int] = set()
    unfinished: set[int] = set()
    faults: list[str] = []
    begin_s: float = 0.0
    end_s: float = 0.0
    from_due_ms: list[float] = []
    from_sent_ms: list[float] = []

    @property
    def errors(self) -> int:
        """Posts and replays without the right answer, those never finished included."""
        return self.faulty + len(self.unfinished)

    @property
    def elapsed_s(self) -> float:
        """From the first to the last moment; 0 without answers."""
        return max(0.0, self.end_s - self.begin_s)

    @property
    def rows_per_s(self) -> float:
        """Rows answered as accepted per second of the run."""
        return self.accepted / self.elapsed_s if self.elapsed_s else 0.0

    def add(self, attempt: Attempt, stock: Stock) -> None:
        """Count one attempt."""
        earlier_s = [self.begin_s] if self.answers else []
        self.begin_s = min([attempt.due_s, attempt.sent_s, *earlier_s])
        self.answers += 1
        self.end_s = max(self.end_s, attempt.ended_s)
        self.from_sent_ms.append((attempt.ended_s - attempt.sent_s) * 1000)
        self.turned_away += attempt.status in _TURNED_AWAY_STATUSES
        self._promise(attempt, stock)
        if not attempt.last:
            self.unfinished.add(attempt.first)
            return
        self.unfinished.discard(attempt.first)
        if attempt.fault:
            self.faulty += 1
            self.faults += [attempt.fault] * (len(self.faults) < _FAULTS_KEPT_MAX)
        if attempt.replay:
            self.replays += 1
        else:
            self.posts += 1
            self.from_due_ms.append((attempt.ended_s - attempt.due_s) * 1000)

    def _promise(self, attempt: Attempt, stock: Stock) -> None:
        numbers = range(attempt.first, attempt.first + attempt.pieces)
        pieces = [stock.piece(number) for number in numbers]
        rows = sum(piece.rows for piece in pieces)
        self.accepted += attempt.accepted
        if attempt.status == 200:
            self.accepted_max += attempt.accepted
            self.size += sum(piece.size for piece in pieces)
            self.lines += sum(piece.lines for piece in pieces)
            for code, count in (it for piece in pieces for it in piece.refused.items()):
                self.refused[code] = self.refused.get(code, 0) + count
            # An answer that accepts fewer rows than are right is a fault, and does not say which.
            (self.whole if attempt.accepted == rows else self.doubtful).update(numbers)
        elif attempt.status in _CERTAIN_STATUSES and attempt.accepted == 0:
            self.certain = self.certain and attempt.status == 429
        else:
            self.certain = False
            self.accepted_max += rows
            self.doubtful.update(numbers)
        self.doubtful.difference_update(it for it in numbers if it in self.whole)


def percentile_ms(times_ms: Sequence[float], percent: float) -> float:
    """Return the smallest time that so many percent of them do not exceed; 0 without any."""
    if not times_ms:
        return 0.0
    return float(np.quantile(times_ms, round(percent / 100, 9), method="inverted_cdf"))
