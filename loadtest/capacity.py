"""`python -m loadtest capacity`: the tables of docs/CAPACITY.md."""

import argparse
import contextlib
import itertools
import random
import statistics
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from loadtest.bench.turns import Side, Turn, Turns, in_turns
from loadtest.client import Target
from loadtest.command_line import Table, add_counts, command_parser
from loadtest.database import OwnQuestDB, own_questdb
from loadtest.processes import commit, machine
from loadtest.readings import Body, produce, split_bodies
from loadtest.service import ServiceSettings, Value, running_service

_METERS = 10_000
_HOUR, _DAY = 4, 96
"""In intervals of 15 minutes."""
_LATE_IN = 10
"""One row in so many is late."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One point of a table: rows of a body, connections, keys of source and sink."""

    label: str
    path: Path
    connections: int
    body_rows: int = 10_000
    source: Mapping[str, Value] = field(default_factory=dict)
    sink: Mapping[str, Value] = field(default_factory=dict)
    shuffled: bool = False

    def side(self, port: int) -> Side:
        """Return what a turn sends."""
        bodies = split_bodies(self.path, self.body_rows)
        bodies = shuffled(bodies) if self.shuffled else bodies
        return Side("service", self.path, bodies, Target(port), self.connections)


def meters(folder: Path, rows: int) -> list[Setting]:
    """Distinct meters, the number of rows being the same."""
    counts = {"10 k": 10_000, "100 k": 100_000, "1 M": 1_000_000}
    return [Setting(label, _plain(folder, rows, it), 16) for label, it in counts.items()]


def connections(folder: Path, rows: int) -> list[Setting]:
    """Clients at a time, 10,000 rows a body."""
    return [Setting(str(count), _plain(folder, rows), count) for count in (1, 4, 16, 64)]


def body_rows(folder: Path, rows: int) -> list[Setting]:
    """Rows of one request, 16 connections; fewer rows altogether where bodies are small."""
    return [
        Setting(f"{size:,}", _plain(folder, min(rows, max(size * 1_000, rows // 2))), 16, size)
        for size in (100, 1_000, 10_000, 50_000)
    ]


def batch_size(folder: Path, rows: int) -> list[Setting]:
    """Rows of one commit; channel_capacity is twice that, 50,000 at least."""
    return [
        Setting(
            f"{size:,}",
            _plain(folder, rows),
            64,
            source={"channel_capacity": max(50_000, 2 * size)},
            sink={"batch_size": size},
        )
        for size in (5_000, 25_000, 100_000)
    ]


def lateness(folder: Path, rows: int) -> list[Setting]:
    """The same rows over two days in other orders, 4 connections."""
    path = _plain(folder, 2 * rows)
    late_paths = {}
    for name, intervals in (("hour", _HOUR), ("day", _DAY)):
        late_paths[name] = folder / name
        with path.open("rb") as lines, late_paths[name].open("wb") as out:
            out.writelines(late(lines, meters=_METERS, intervals=intervals))
    return [
        Setting("in order", path, 4),
        *(Setting(f"10 %: 1 {name}", it, 4) for name, it in late_paths.items()),
        Setting("bodies shuffled", path, 4, shuffled=True),
    ]


_TABLES: Mapping[str, tuple[str, Callable[[Path, int], list[Setting]]]] = {
    "meters": ("distinct meters", meters),
    "connections": ("connections", connections),
    "body_rows": ("rows of a body", body_rows),
    "batch_size": ("batch_size", batch_size),
    "lateness": ("late rows", lateness),
}


def measure(
    settings: Sequence[Setting], questdb: OwnQuestDB, *, turns: int
) -> dict[str, list[Turn]]:
    """Take every point `turns` times, round by round, so that a slow moment meets all of them.

    Points that differ in keys of the service have a service each, all running at once; one works at
    a time. Before the first round each service has one turn that does not count.

    Returns:
        The turns of each point, by its label.
    """
    with contextlib.ExitStack() as stack:
        benches: dict[str, tuple[Turns, int]] = {}
        sides: dict[str, Callable[[], Turn]] = {}
        for setting in settings:
            key = repr((setting.source, setting.sink))
            if key not in benches:
                benches[key] = stack.enter_context(_bench(setting, questdb))
                benches[key][0].run_turn(setting.side(benches[key][1]))
            bench, port = benches[key]
            sides[setting.label] = partial(bench.run_turn, setting.side(port))
        rounds = [taken for _, taken in in_turns(sides, rounds=turns)]
        return {label: [taken[label] for taken in rounds] for label in sides}


@contextlib.contextmanager
def _bench(setting: Setting, questdb: OwnQuestDB) -> Iterator[tuple[Turns, int]]:
    settings = ServiceSettings(source=setting.source, sink=setting.sink)
    with (
        tempfile.TemporaryDirectory() as folder,
        running_service(Path(folder), questdb.running, settings) as service,
    ):
        turns = Turns(questdb.rest, database_pid=questdb.running.pid, service_pid=service.pid)
        yield turns, service.meter_usage_port


def table(title: str, points: Mapping[str, Sequence[Turn]]) -> str:
    """Return the points as a Markdown table, with rows/s also relative to the first point."""
    layout = Table(
        *((title, 15), ("rows/s, best turn", 7), ("to the first", 7), ("slowest turn", 7)),
        *(("service, us/row", 7), ("QuestDB, us/row", 7)),
    )
    lines, first = [layout.heading()], 0.0
    for label, turns in points.items():
        rows, speeds = turns[0].rows, [turn.rows_per_s for turn in turns]
        # Other work on the machine only slows a turn.
        first = first or max(speeds)
        costs = (
            statistics.median(cost) / rows * 1e6
            for cost in (
                [turn.service_cpu_s for turn in turns],
                [turn.questdb_cpu_s for turn in turns],
            )
        )
        cells = [f"{max(speeds) / 1e3:,.0f} k", f"{max(speeds) / first:.2f}"]
        cells += [f"{min(speeds) / 1e3:,.0f} k", *(f"{cost:.2f}" for cost in costs)]
        lines.append(layout.row([label, *cells]))
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 0 unless something could not be measured."""
    options = _parse(arguments)
    print(f"{machine()}, commit {commit()}")
    with own_questdb("capacity-") as own:
        # QuestDB is slow until its JVM is warm: these turns do not count.
        measure(connections(own.directory, options.rows)[1:2], own, turns=1)
        for name in options.only or _TABLES:
            title, settings = _TABLES[name]
            points = measure(settings(own.directory, options.rows), own, turns=options.turns)
            print(f"\n{table(title, points)}", flush=True)
    return 0


def _plain(folder: Path, rows: int, meters: int = _METERS) -> Path:
    path = folder / f"plain-{rows}-{meters}"
    if not path.exists():
        produce(path, rows, meters=meters)
    return path


def late(lines: Iterable[bytes], *, meters: int, intervals: int) -> Iterator[bytes]:
    """Yield every line once, one in ten of an interval `intervals` intervals later.

    The late meters change from interval to interval. Lines still held at the end come last.

    Args:
        lines: `meters` of them for each interval, interval by interval.
        meters: > 0.
        intervals: >= 1.
    """
    held: list[list[bytes]] = []
    source = iter(lines)
    for number in itertools.count():
        interval = list(itertools.islice(source, meters))
        if not interval:
            break
        delayed = number % _LATE_IN
        yield from (line for index, line in enumerate(interval) if index % _LATE_IN != delayed)
        held.append(interval[delayed::_LATE_IN])
        if len(held) > intervals:
            yield from held.pop(0)
    yield from itertools.chain.from_iterable(held)


def shuffled(bodies: Sequence[Body]) -> list[Body]:
    """Return the bodies in a random order, the same each time."""
    return random.Random(1).sample(bodies, len(bodies))


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = command_parser(
        "capacity",
        "Measure what a row costs with more meters, connections, rows per body and per batch, and"
        " with late rows. The points of one table take turns and compare. Starts a QuestDB and"
        " services; takes a quarter of an hour.",
        example="--only connections --turns 1 --rows 200000",
    )
    names = list(_TABLES)
    parser.add_argument("--only", action="append", choices=names, help="this one; may be repeated")
    counts = {"turns": (3, "turns of each point"), "rows": (1_000_000, "rows of a turn")}
    return add_counts(parser, counts).parse_args(arguments)
