"""The journal of a run, one line of JSON for each answer, and its sums, rates and percentiles."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import msgspec

PERCENTS = (50, 90, 99, 99.9, 100)
NO_ANSWER = 0
"""Status of a post that the other end did not answer."""

_FAULTS_KEPT_MAX = 10
_POINTS_MAX = 600
"""Of a curve: a run of hours is summed up in longer pieces than seconds."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt to post a body and its answer. Times are monotonic, seconds.

    Attributes:
        first: Number of the body's first piece.
        pieces: How many it has.
        due_s: When it was due by the schedule.
        sent_s: When this attempt began.
        ended_s: When its answer was there.
        status: Of HTTP, or `NO_ANSWER`.
        last: Whether the body is not posted again after this answer.
        replay: Whether the body had been acknowledged before.
        size: Bytes of the body.
        fault: Why this is not the right answer; empty if it is.
    """

    first: int
    pieces: int
    due_s: float
    sent_s: float
    ended_s: float
    status: int
    accepted: int
    last: bool
    replay: bool
    size: int
    fault: str


def read_journal(path: Path) -> Iterator[Entry]:
    """Yield the entries in the order they were written. Memory does not grow with the file."""
    decode = msgspec.json.Decoder(Entry).decode
    with path.open("rb") as lines:
        for line in lines:
            yield decode(line)


@dataclass(frozen=True, slots=True)
class Second:
    """The answers of one second of a run, or of several in a long run.

    `from_due_ms` has p50, p99 and the longest; None where nothing ended.
    """

    at_s: float
    rows_per_s: float
    answers_per_s: float
    turned_away_per_s: float
    p50_ms: float | None
    p99_ms: float | None
    longest_ms: float | None


@dataclass(frozen=True, slots=True)
class Figures:
    """A run in numbers.

    Attributes:
        posts: Bodies, each counted once however often it was sent, without replays.
        replays: Bodies posted again on purpose after their acknowledgement.
        answers: All attempts.
        errors: Posts and replays that ended without the right answer, or were to be posted again
            and never were.
        turned_away: Answers 429 and 503.
        rows: Answered as accepted.
        size: Bytes of the bodies answered by 200.
        started_s: The first moment of the journal, monotonic.
        elapsed_s: From then to the last moment.
        from_due_ms: Percentiles (`PERCENTS`) from when a post was due to its last answer, waits and
            retries included; 0 without posts.
        from_sent_ms: The same from the start of an attempt to its answer.
        faults: The first of them.
        seconds: The run over time.
    """

    posts: int
    replays: int
    answers: int
    errors: int
    turned_away: int
    rows: int
    size: int
    started_s: float
    elapsed_s: float
    from_due_ms: dict[float, float]
    from_sent_ms: dict[float, float]
    faults: Sequence[str]
    seconds: Sequence[Second]

    @property
    def rows_per_s(self) -> float:
        """Rows answered as accepted per second of the run."""
        return self.rows / self.elapsed_s if self.elapsed_s else 0.0

    @property
    def mb_per_s(self) -> float:
        """Bytes of bodies answered by 200 per second of the run, MB."""
        return self.size / 1e6 / self.elapsed_s if self.elapsed_s else 0.0


_TYPES = {int: "BIGINT", float: "DOUBLE", bool: "BOOLEAN", str: "VARCHAR"}
_COLUMNS = {it.name: _TYPES[it.type] for it in msgspec.structs.fields(Entry)}
_SUMS = """
    SELECT count(*) FILTER (last AND NOT replay) AS posts,
        count(*) FILTER (last AND replay) AS replays, count(*) AS answers,
        count(*) FILTER (last AND fault != '') + (SELECT count(*) FROM (
            SELECT first FROM entries GROUP BY first HAVING NOT arg_max(last, number))) AS errors,
        count(*) FILTER (status IN (429, 503)) AS turned_away,
        coalesce(sum(accepted), 0)::BIGINT AS rows,
        coalesce(sum(size) FILTER (status = 200), 0)::BIGINT AS size,
        coalesce(min(least(due_s, sent_s)), 0) AS started_s,
        coalesce(max(ended_s), 0) - started_s AS elapsed_s
    FROM entries"""
_TIMES = """
    SELECT quantile_disc((ended_s - due_s) * 1000, $shares) FILTER (last AND NOT replay),
        quantile_disc((ended_s - sent_s) * 1000, $shares)
    FROM entries"""
_SECONDS = """
    SELECT floor((ended_s - $started_s) / $step_s) * $step_s AS at_s, sum(accepted) / $step_s,
        count(*) / $step_s, count(*) FILTER (status IN (429, 503)) / $step_s,
        quantile_disc(from_due_ms, 0.5), quantile_disc(from_due_ms, 0.99), max(from_due_ms)
    FROM (SELECT *, CASE WHEN last AND NOT replay THEN (ended_s - due_s) * 1000 END AS from_due_ms
        FROM entries)
    GROUP BY 1 ORDER BY 1"""


def figures_of(journal: Path) -> Figures:
    """Sum up a whole journal.

    Raises:
        duckdb.Error: A line is no entry; a journal that was cut off is not a short run.
    """
    with duckdb.connect() as duck:
        duck.execute(
            "CREATE TABLE entries AS SELECT row_number() OVER () AS number, * FROM"
            " read_json(?, columns = ?, format = 'newline_delimited')",
            [str(journal), _COLUMNS],
        )
        [row] = duck.execute(_SUMS).fetchall()
        sums = {column[0]: value for column, value in zip(duck.description, row, strict=True)}
        shares = [percent / 100 for percent in PERCENTS]
        times = duck.execute(_TIMES, {"shares": shares}).fetchall()[0]
        steps = {"started_s": sums["started_s"], "step_s": max(1.0, sums["elapsed_s"] / _POINTS_MAX)}
        seconds = duck.execute(_SECONDS, steps).fetchall()
        faults = duck.execute(
            "SELECT fault FROM entries WHERE last AND fault != '' ORDER BY number LIMIT ?",
            [_FAULTS_KEPT_MAX],
        ).fetchall()
    due, sent = (dict(zip(PERCENTS, one or [0.0] * len(PERCENTS), strict=True)) for one in times)
    return Figures(
        **sums,
        from_due_ms=due,
        from_sent_ms=sent,
        faults=[fault for (fault,) in faults],
        seconds=[Second(*second) for second in seconds],
    )
