"""`python -m loadtest peers`: the service next to other ways from HTTP into QuestDB.

All post the same bodies over as many connections, in turns. Every turn starts from an empty table
and ends when all acknowledged rows are there, or none has come for a while; then the table is
compared with the answers. A row that got a 2xx and is not in the table is lost.
"""

import argparse
import http.client
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from loadtest.bench.open_loop import percentile_ms
from loadtest.bench.turns import in_turns
from loadtest.books import Books, balance
from loadtest.client import Answer, post_bodies
from loadtest.command_line import Table, add_counts, add_repeated, command_parser
from loadtest.database import QuestDBRest, own_questdb
from loadtest.ledger import Ledger, fault_of
from loadtest.peers.ways import (
    HOW_TO_GET_TELEGRAF,
    SERVICE,
    Way,
    found_telegraf,
    running_ways,
)
from loadtest.processes import MIB, ProcessFigures, all_cpu_spent_s, family, wait_until
from loadtest.readings import Body
from loadtest.stored import COUNT_SQL, TABLE

from utility_ts_analytics.records import native

_BODY_ROWS = (1, 10, 100, 5_000, 50_000)
_QUIET_S = 12.0
"""Longer than the longest time between two flushes of any way, 10 s."""
_STORED_TIMEOUT_S = 600.0

_REPORT = Table(
    *(("way", 18), ("rows", 6), ("accepted/s", 10), ("stored/s", 9), ("accepted", 10)),
    *(("stored", 10), ("refused", 7), ("lost", 9), ("doubled", 7), ("wrong", 5), ("p50, ms", 8)),
    *(("p99, ms", 8), ("CPU, us", 8), ("QuestDB, us", 11)),
)
"""Rows per second: medians, to the last answer and until all that comes is there. CPU: per accepted
row, median. Times of posts: of all turns together. `refused` is in posts, counts of rows are sums.
"""


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of one way.

    Attributes:
        answers: The last one to each body.
        refused: Posts without a 2xx, those that were posted again included.
        accepted: Rows with a 2xx.
        acknowledged_s: From the first byte to the last answer.
        stored_s: From the first byte until the last row was there.
        cpu_s: Of the way, in that time; the same for `questdb_cpu_s`.
        peak_mib: Most memory of one of its processes since it began.
        books: What the table had at the end.
    """

    answers: Sequence[Answer]
    refused: int
    accepted: int
    acknowledged_s: float
    stored_s: float
    cpu_s: float
    questdb_cpu_s: float
    peak_mib: float
    books: Books


class Load:
    """Bodies of one size, as NDJSON and as JSON arrays of the same readings; a turn at a time.

    Args:
        database: Where the table is; `questdb_pid` is its process.
        directory: For the files of the bodies; exists.
        body_rows: Rows of a body; `posts` of them are a turn.
        connections: Each with one post at a time.
    """

    def __init__(
        self,
        database: QuestDBRest,
        questdb_pid: int,
        directory: Path,
        *,
        body_rows: int,
        posts: int,
        connections: int,
    ) -> None:
        self._database = database
        self._questdb_pid = questdb_pid
        self._connections = connections
        self._paths = [directory / "bodies.ndjson", directory / "bodies.json"]
        self._bodies: list[list[Body]] = [[], []]
        ledger = Ledger()
        with self._paths[False].open("wb") as lines, self._paths[True].open("wb") as arrays:
            for _ in range(posts):
                ndjson = ledger.open(body_rows).body(1)
                array = b"[" + ndjson.rstrip().replace(b"\n", b",") + b"]"
                for bodies, file, text in zip(
                    self._bodies, (lines, arrays), (ndjson, array), strict=True
                ):
                    bodies.append(Body(file.tell(), file.write(text), body_rows))

    def turn(self, name: str, way: Way) -> Turn:
        """Post every body once, wait for the rows, and compare the table with the answers.

        Raises:
            RuntimeError: A post got no answer, or rows come for too long.
        """
        bodies = self._bodies[way.arrays]
        self._database.truncate(TABLE)
        ledger = Ledger()
        accounts = {body: ledger.open(body.rows) for body in bodies}
        for account in accounts.values():
            account.begin(1)
        pids = (way.pid, self._questdb_pid)
        before = [family(pid) for pid in pids]
        path, connections = self._paths[way.arrays], self._connections
        try:
            run = post_bodies(path, bodies, way.target, connections=connections, patient=True)
        except (OSError, http.client.HTTPException) as error:
            raise RuntimeError(f"{name} gave a post no answer: {error}") from error
        accepted = 0
        for answer in run.answers:
            if name == SERVICE:
                ledger.answer(accounts[answer.body], answer)
            elif is_success(answer):
                accounts[answer.body].acknowledged = 1
            accepted += answer.body.rows if is_success(answer) else 0
        stored_s, after = self._stored_at_last(accepted, pids)
        way_s, questdb_s = (
            all_cpu_spent_s(one, other) for one, other in zip(before, after, strict=True)
        )
        return Turn(
            answers=run.answers,
            refused=run.refusals + sum(not is_success(answer) for answer in run.answers),
            accepted=accepted,
            acknowledged_s=run.elapsed_s,
            stored_s=stored_s - run.started_s,
            cpu_s=way_s,
            questdb_cpu_s=questdb_s,
            peak_mib=max(it.rss_peak_bytes for it in after[0]) / MIB,
            books=balance(Books(), ledger.accounts, self._database, event_ids=name == SERVICE),
        )

    def _stored_at_last(
        self, accepted: int, pids: Sequence[int]
    ) -> tuple[float, list[list[ProcessFigures]]]:
        """Wait until so many rows are there, or no more come; return when the last one came.

        Also what the processes had used by then.
        """
        count, at_s, spent = -1, 0.0, []

        def over() -> bool:
            nonlocal count, at_s, spent
            self._database.wait_applied(TABLE)
            last, count = count, self._database.count(COUNT_SQL)
            if count != last:
                at_s, spent = time.monotonic(), [family(pid) for pid in pids]
            return count >= accepted or time.monotonic() - at_s > _QUIET_S

        wait_until(over, "rows stop coming", timeout_s=_STORED_TIMEOUT_S, every_s=0.05)
        return at_s, spent


def is_success(answer: Answer) -> bool:
    """Return whether an answer has a status of 2xx."""
    return 200 <= answer.status < 300


def broken_promises(turns: Sequence[Turn]) -> list[str]:
    """Return what is wrong with turns of the service: answers, and differences of the table."""
    found = [fault for turn in turns for fault in map(fault_of, turn.answers) if fault]
    for turn in turns:
        found += turn.books.findings
        if not turn.books.balanced or turn.books.stored != turn.accepted:
            found.append(f"{turn.accepted} rows were accepted: {turn.books}")
    return found


def line(name: str, body_rows: int, turns: Sequence[Turn]) -> str:
    """Return the row of the table for the turns of one way."""

    def median(values: Sequence[float], form: str = ",.0f") -> str:
        return format(statistics.median(values), form)

    books = [turn.books for turn in turns]
    taken_s = [answer.taken_s for turn in turns for answer in turn.answers]
    totals = (
        sum(turn.accepted for turn in turns),
        sum(one.stored for one in books),
        sum(turn.refused for turn in turns),
        sum(one.lost for one in books),
        sum(one.doubled for one in books),
        sum(one.wrong + one.unsent for one in books),
    )
    return _REPORT.row(
        [
            name,
            f"{body_rows:,}",
            median([turn.accepted / turn.acknowledged_s for turn in turns]),
            median([turn.books.stored / turn.stored_s for turn in turns]),
            *(f"{total:,}" for total in totals),
            *(f"{percentile_ms(taken_s, share):,.1f}" for share in (0.5, 0.99)),
            median([turn.cpu_s / max(1, turn.accepted) * 1e6 for turn in turns], ",.1f"),
            median([turn.questdb_cpu_s / max(1, turn.accepted) * 1e6 for turn in turns], ",.1f"),
        ]
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 1 if the service broke a promise, or a way could not be measured."""
    parser = command_parser(
        "peers",
        "Measure the service next to a small application with asyncpg and next to Telegraf, in"
        " turns: rows accepted, stored, lost and doubled, times of posts, CPU per row. Exit code 1:"
        " rows that the service acknowledged are not in its table once, as sent, or a post got no"
        " answer.",
        example="--body-rows 5000 --rounds 1 --telegraf ./telegraf",
    )
    counts = {
        "rows": (400_000, "rows of a turn, at most"),
        "posts": (4_000, "posts of a turn, at most"),
        "connections": (8, "connections, each with one post at a time"),
        "rounds": (3, "turns of each way that count; one more warms up"),
    }
    add_repeated(add_counts(parser, counts), {"body-rows": (_BODY_ROWS, "rows of a post")})
    parser.add_argument("--telegraf", type=Path, metavar="PATH", help="Telegraf (from the PATH)")
    given = parser.parse_args(arguments)
    telegraf = found_telegraf(given.telegraf)
    if telegraf is None:
        print(f"peers: {HOW_TO_GET_TELEGRAF}", file=sys.stderr)
    if native.ilp_lines is None:
        print("peers: installed without a C compiler, the service takes more CPU", file=sys.stderr)
    try:
        broken = _compare(given, telegraf)
    except RuntimeError as error:
        broken = [str(error)]
    for text in broken:
        print(f"peers: {text}", file=sys.stderr)
    return 1 if broken else 0


def _compare(given: argparse.Namespace, telegraf: Path | None) -> list[str]:
    """Measure and print; return the promises that the service broke."""
    broken: list[str] = []
    peaks_mib: dict[str, float] = {}
    with own_questdb("peers-") as own, running_ways(own, telegraf) as ways:
        print(_REPORT.heading(), flush=True)
        for body_rows in given.body_rows or _BODY_ROWS:
            load = Load(
                own.rest,
                own.running.pid,
                own.directory,
                body_rows=body_rows,
                posts=max(1, min(given.posts, given.rows // body_rows)),
                connections=given.connections,
            )
            turns = _measured(load, ways, given.rounds)
            for name, taken in turns.items():
                print(line(name, body_rows, taken), flush=True)
            broken += broken_promises(turns[SERVICE])
            peaks_mib = {name: taken[-1].peak_mib for name, taken in turns.items()}
    shown = "; ".join(f"{name} {peak_mib:,.0f} MiB" for name, peak_mib in peaks_mib.items())
    print(f"most memory of a process: {shown}")
    return broken


def _measured(load: Load, ways: Mapping[str, Way], rounds: int) -> dict[str, list[Turn]]:
    """Return the turns of each way that count."""
    sides = {name: partial(load.turn, name, way) for name, way in ways.items()}
    counted = [taken for number, taken in in_turns(sides, rounds=rounds, warm_up=1) if number >= 0]
    return {name: [taken[name] for taken in counted] for name in ways}
