"""What a row costs on the ways that it takes while something is away, next to the ordinary way.

Each turn sends the same readings: by ILP; into the spool while QuestDB is stopped, and from there
into the table once it runs again; and by pgwire to a QuestDB whose port for ILP is closed.
"""

import contextlib
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from loadtest.bench.turns import in_turns
from loadtest.client import Target, post_bodies
from loadtest.command_line import Table, add_beside, add_counts, command_parser
from loadtest.database import OwnQuestDB, own_questdb
from loadtest.ledger import Acknowledged, judge
from loadtest.processes import all_cpu_spent_s, family, stopped, wait_until
from loadtest.readings import Body, produce, split_bodies
from loadtest.service import PROJECT, DatabasePorts, ServiceProcess, ServiceSettings
from loadtest.stored import COUNT_SQL, TABLE

from utility_ts_analytics.database.embedded_questdb.server_settings import free_ports

_BODY_ROWS = 50_000
_CONNECTIONS = 4
_NOTICED_S = 6.0
"""After so long every worker knows that QuestDB is away, and spools without trying."""
_DONE_S_MAX = 300.0
_IDLE_S = 3.0

_REPORT = Table(
    ("way", 20),
    ("rows/s", 9),
    ("CPU, us", 8),
    ("to ILP", 7),
    ("QuestDB, us", 11),
    ("peak MiB", 8),
)
"""Medians; CPU per row, of the service without what it takes idle, and of QuestDB. To ILP: the CPU
next to that of the ordinary way in the same turn."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What one way took, microseconds of CPU per row; `rows_per_s` until the last row is there."""

    rows_per_s: float
    cpu_us: float
    questdb_us: float
    peak_mib: float


def run(rows: int, *, rounds: int, beside: Path | None) -> None:
    """Measure each way in turns, and print a row for each.

    Raises:
        RuntimeError: An answer was another, or other rows are stored.
    """
    with contextlib.ExitStack() as stack:
        database = stack.enter_context(own_questdb("outage-"))
        lines = database.directory / "readings.ndjson"
        produce(lines, rows)
        projects = {"": PROJECT} | ({} if beside is None else {"beside: ": beside.resolve()})
        stages = {
            prefix: stack.enter_context(_stage(database, project, lines))
            for prefix, project in projects.items()
        }
        sides = {prefix: stage.turns for prefix, stage in stages.items()}
        counted = [taken for n, taken in in_turns(sides, rounds=rounds, warm_up=1) if n >= 0]
    print(_REPORT.heading())
    for prefix in sides:
        turns = [taken[prefix] for taken in counted]
        for way in turns[0]:
            print(_line(prefix, way, turns))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 0 unless an answer was another or rows are missing."""
    parser = command_parser(
        "outage",
        "Measure rows per second and CPU per row into the spool while QuestDB is stopped, out of it"
        " once it runs again, and over pgwire while ILP is closed, next to ILP. Exit code 1: a post"
        " had another answer, or the table has other rows than were answered.",
        example="--rows 200000 --rounds 3 --beside ../before",
    )
    add_counts(parser, {"rows": (500_000, "rows of a turn"), "rounds": (3, "turns of each way")})
    add_beside(parser)
    given = parser.parse_args(arguments)
    try:
        run(given.rows, rounds=given.rounds, beside=given.beside)
    except RuntimeError as error:
        print(f"outage: {error}", file=sys.stderr)
        return 1
    return 0


class _Stage:
    """Two services of one checkout: one with a spool, and one whose port for ILP is closed."""

    def __init__(
        self, database: OwnQuestDB, spools: ServiceProcess, closed: ServiceProcess, lines: Path
    ) -> None:
        self._database = database
        self._spools = spools
        self._closed = closed
        self._lines = lines
        self._bodies = split_bodies(lines, _BODY_ROWS)
        self._rows = sum(body.rows for body in self._bodies)
        self._idle_cores: dict[int, float] = {}

    def turns(self) -> dict[str, Turn]:
        """Take each way once."""
        rest = self._database.rest
        self._measure_idle()
        taken = {}
        for way, service in (("ILP", self._spools), ("pgwire", self._closed)):
            rest.truncate(TABLE)
            taken[way] = self._turn(service, partial(self._store, service))
        rest.truncate(TABLE)
        with stopped(self._database.running.pid):
            threading.Event().wait(_NOTICED_S)
            taken["into the spool"] = self._turn(self._spools, self._spool)
        taken["out of the spool"] = self._turn(self._spools, self._replay)
        return taken

    def _measure_idle(self) -> None:
        """Note what each service takes of a core while nothing comes: a slow way lasts long."""
        pids = [service.pid for service in (self._spools, self._closed)]
        before = {pid: family(pid) for pid in pids}
        began_s = time.monotonic()
        threading.Event().wait(_IDLE_S)
        for pid in pids:
            spent_s = all_cpu_spent_s(before[pid], family(pid))
            self._idle_cores[pid] = spent_s / (time.monotonic() - began_s)

    def _turn(self, service: ServiceProcess, work: Callable[[], float]) -> Turn:
        before, questdb = family(service.pid), family(self._database.running.pid)
        began_s = time.monotonic()
        rows_per_s = work()
        idle_s = self._idle_cores[service.pid] * (time.monotonic() - began_s)
        after = family(service.pid)
        questdb_s = all_cpu_spent_s(questdb, family(self._database.running.pid))
        return Turn(
            rows_per_s,
            (all_cpu_spent_s(before, after) - idle_s) / self._rows * 1e6,
            questdb_s / self._rows * 1e6,
            max(one.rss_peak_bytes for one in after) / 2**20,
        )

    def _store(self, service: ServiceProcess) -> float:
        began_s = time.monotonic()
        self._post(service, self._bodies, "committed")
        self._await_rows(self._rows)
        return self._rows / (time.monotonic() - began_s)

    def _spool(self) -> float:
        began_s = time.monotonic()
        self._post(self._spools, self._bodies, "spooled")
        return self._rows / (time.monotonic() - began_s)

    def _replay(self) -> float:
        """Return the rate from the first visible row on: before it the service waits."""
        self._await_rows(1)
        began_s, first_rows = time.monotonic(), self._database.rest.count(COUNT_SQL)
        self._await_rows(self._rows)
        return (self._rows - first_rows) / (time.monotonic() - began_s)

    def _post(self, service: ServiceProcess, bodies: Sequence[Body], ack: str) -> None:
        target = Target(service.meter_usage_port)
        run = post_bodies(self._lines, bodies, target, connections=_CONNECTIONS, patient=True)
        for answer in run.answers:
            if not isinstance(judge(answer), Acknowledged) or ack not in answer.content.decode():
                raise RuntimeError(f"not {ack}: {answer.status} {answer.content[:500]!r}")

    def _await_rows(self, rows: int) -> None:
        found = 0

        def there() -> bool:
            nonlocal found
            found = self._database.rest.count(COUNT_SQL)
            return found >= rows

        wait_until(there, f"{rows} rows are visible", timeout_s=_DONE_S_MAX)
        if found > self._rows:
            raise RuntimeError(f"{self._rows} rows were sent, {found} are visible")


@contextlib.contextmanager
def _stage(database: OwnQuestDB, project: Path, lines: Path) -> Iterator[_Stage]:
    directory = database.directory / f"services-{len(list(database.directory.iterdir()))}"
    running = database.running
    [closed_port] = free_ports(1)
    without_ilp = DatabasePorts(closed_port, running.ilp_port, running.pg_uri)
    with contextlib.ExitStack() as stack:
        services: dict[str, ServiceProcess] = {}
        for name, questdb, spool in (
            ("spools", running, {"dir": str(directory / "spool")}),
            ("closed", without_ilp, {}),
        ):
            (directory / name).mkdir(parents=True)
            settings = ServiceSettings(spool=spool)
            service = ServiceProcess(directory / name, questdb, settings, project=project)
            service.apply_schema()
            stack.callback(service.end)
            service.start()
            services[name] = service
        yield _Stage(database, services["spools"], services["closed"], lines)


def _line(prefix: str, way: str, turns: Sequence[dict[str, Turn]]) -> str:
    def median(value: Callable[[dict[str, Turn]], float]) -> float:
        return statistics.median(map(value, turns))

    return _REPORT.row(
        [
            f"{prefix}{way}",
            f"{median(lambda it: it[way].rows_per_s):,.0f}",
            f"{median(lambda it: it[way].cpu_us):.2f}",
            f"{median(lambda it: it[way].cpu_us / it['ILP'].cpu_us):.2f}",
            f"{median(lambda it: it[way].questdb_us):.2f}",
            f"{max(it[way].peak_mib for it in turns):.0f}",
        ]
    )
