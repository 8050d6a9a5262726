"""Turns of two sides: each sends the same rows, waits until all are visible, and takes the cost."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import msgspec
from loadtest.client import Answer, Target, post_bodies, questdb_target
from loadtest.database import OwnQuestDB, QuestDBRest
from loadtest.ledger import fault_of
from loadtest.processes import ProcessFigures, all_cpu_spent_s, cpu_spent_s, family
from loadtest.readings import Body, split_bodies, write_ilp
from loadtest.service import ServiceProcess
from loadtest.stored import COUNT_SQL, TABLE

_BUSY_CPU_S = 0.05
"""A process that takes less in one turn is no worker of this stream."""

DIRECT_CONNECTIONS = 2
DIRECT_BODY_ROWS = 25_000
"""How the direct side sends: the goals in the design are stated for this."""

SideName = Literal["service", "beside", "direct"]
"""`beside` is the service of another checkout."""
TakenT = TypeVar("TakenT")


def in_turns(
    sides: Mapping[str, Callable[[], TakenT]], *, rounds: int, warm_up: int = 0
) -> Iterator[tuple[int, dict[str, TakenT]]]:
    """Let each side run once a round; who begins changes from round to round.

    Yields:
        The number of the round, below 0 while warming up, and its results in the order they ran.
    """
    names = list(sides)
    for number in range(-warm_up, rounds):
        first = number % len(names)
        yield number, {name: sides[name]() for name in names[first:] + names[:first]}


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two ways in: a file made in advance, its bodies, and where they go."""

    name: SideName
    path: Path
    bodies: Sequence[Body]
    target: Target
    connections: int

    @property
    def megabytes(self) -> float:
        """Size of all bodies, MB."""
        return sum(body.size for body in self.bodies) / 1e6


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """One turn of one side. All CPU in seconds.

    Attributes:
        side: Whose turn.
        rows: All were visible at its end, and no others.
        megabytes: Of the bodies, MB.
        acknowledged_s: From the first byte to the last answer.
        visible_s: From the first byte until all rows are visible.
        service_cpu_s: All processes of the service together.
        worker_cpu_s: The busy ones of them, the busiest first: shows an uneven spread.
        questdb_cpu_s: QuestDB.
        generator_cpu_s: This process.
        refusals: How often a body was refused with 429 and sent again.
    """

    side: SideName
    rows: int
    megabytes: float
    acknowledged_s: float
    visible_s: float
    service_cpu_s: float
    worker_cpu_s: list[float]
    questdb_cpu_s: float
    generator_cpu_s: float
    refusals: int = 0

    @property
    def rows_per_s(self) -> float:
        """Rows stored and visible per second."""
        return self.rows / self.visible_s


class Turns:
    """Runs turns against one QuestDB and one service."""

    def __init__(self, database: QuestDBRest, *, database_pid: int, service_pid: int) -> None:
        self._database = database
        self._database_pid = database_pid
        self._service_pid = service_pid
        self._worker_pids: set[int] = set()

    def run_turn(self, side: Side) -> Turn:
        """Run one turn of `side`.

        Raises:
            RuntimeError: An answer was wrong, or other rows than those sent are visible.
        """
        self._database.truncate(TABLE)
        rows = sum(body.rows for body in side.bodies)
        service, questdb = family(self._service_pid), family(self._database_pid)
        generator_s = time.process_time()
        run = post_bodies(
            side.path, side.bodies, side.target, connections=side.connections, patient=True
        )
        self._database.wait_applied(TABLE)
        visible_s = time.monotonic() - run.started_s
        generator_s = time.process_time() - generator_s
        service_spent = cpu_spent_s(service, family(self._service_pid))
        questdb_s = all_cpu_spent_s(questdb, family(self._database_pid))
        self._check(side, run.answers, rows)
        busy = {pid: spent_s for pid, spent_s in service_spent.items() if spent_s >= _BUSY_CPU_S}
        if side.name != "direct":
            self._worker_pids |= busy.keys()
        return Turn(
            side=side.name,
            rows=rows,
            megabytes=round(side.megabytes, 1),
            acknowledged_s=round(run.elapsed_s, 4),
            visible_s=round(visible_s, 4),
            service_cpu_s=round(sum(service_spent.values()), 2),
            worker_cpu_s=sorted((round(spent_s, 2) for spent_s in busy.values()), reverse=True),
            questdb_cpu_s=round(questdb_s, 2),
            generator_cpu_s=round(generator_s, 3),
            refusals=run.refusals,
        )

    def workers(self) -> list[ProcessFigures]:
        """Return the processes of the service that worked in a turn and still live."""
        return [entry for entry in family(self._service_pid) if entry.pid in self._worker_pids]

    def _check(self, side: Side, answers: Sequence[Answer], rows: int) -> None:
        for answer in answers:
            fault = _direct_fault(answer) if side.name == "direct" else fault_of(answer)
            if fault is not None:
                raise RuntimeError(f"cannot measure the {side.name} side: {fault}")
        visible_rows = self._database.count(COUNT_SQL)
        if visible_rows != rows:
            raise RuntimeError(
                f"cannot measure the {side.name} side: {rows} rows were sent,"
                f" {visible_rows} are visible"
            )


def _direct_fault(answer: Answer) -> str | None:
    if answer.status == 204:
        return None
    return f"status {answer.status}: {answer.content.decode(errors='replace')[:500]}"


def service_side(
    path: Path,
    body_rows: int,
    service: ServiceProcess,
    connections: int,
    *,
    name: SideName = "service",
) -> Side:
    """Return the side that posts the lines of an NDJSON file to a service."""
    bodies = split_bodies(path, body_rows)
    return Side(name, path, bodies, Target(service.meter_usage_port), connections)


def direct_side(lines: Path, questdb: OwnQuestDB) -> Side:
    """Return the side that sends the rows of an NDJSON file as ready-made ILP to QuestDB."""
    path = lines.with_suffix(".ilp")
    write_ilp(lines, path)
    bodies = split_bodies(path, DIRECT_BODY_ROWS)
    target = questdb_target(questdb.running.http_port)
    return Side("direct", path, bodies, target, DIRECT_CONNECTIONS)
