"""`python -m loadtest capacity`: the curves of docs/CAPACITY.md, measured, kept and drawn."""

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

import msgspec
from loadtest.bench.turns import Side, Turn, Turns, in_turns
from loadtest.client import Target
from loadtest.command_line import Table, add_counts, command_parser
from loadtest.database import OwnQuestDB, own_questdb
from loadtest.processes import MIB, commit, machine
from loadtest.readings import Body, produce, split_bodies
from loadtest.service import ServiceSettings, Value, running_service
from matplotlib.figure import Figure

from utility_ts_analytics.analysis.report.inline_svg import svg_file

_RESULTS = Path(__file__).parent / "results.json"
_IMAGES = Path(__file__).parents[2] / "docs" / "images"
_METERS = 10_000
_HOUR, _DAY = 4, 96
"""In intervals of 15 minutes."""
_LATE_IN = 10
"""One row in so many is late."""


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """One setting of one curve, over all its turns.

    Attributes:
        rows: Of a turn.
        rows_per_s: Until visible, of the best turn: other work on the machine only slows it.
        slowest_rows_per_s: Of the worst turn.
        service_us: CPU of the service per row, median; `questdb_us` of QuestDB.
        worker_mib: Peak memory of any worker since its start.
        refusals: Bodies refused with 429, all turns together.
    """

    label: str
    rows: int
    rows_per_s: float
    slowest_rows_per_s: float
    service_us: float
    questdb_us: float
    worker_mib: float
    refusals: int = 0


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """One question; `title` is what changes from point to point."""

    name: str
    title: str
    commit: str
    machine: dict[str, str | int]
    points: list[Point]


@dataclass(frozen=True, slots=True)
class Setting:
    """One point of a curve: rows of a body, connections, keys of source and sink."""

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


_CURVES: Mapping[str, tuple[str, Callable[[Path, int], list[Setting]]]] = {
    "meters": ("distinct meters", meters),
    "connections": ("connections", connections),
    "body_rows": ("rows of a body", body_rows),
    "batch_size": ("batch_size", batch_size),
    "lateness": ("late rows", lateness),
}


def picture(curve: Curve) -> str:
    """Return a picture: for each point the CPU per row, service below QuestDB, and rows/s above."""
    figure = Figure(figsize=(6.4, 2.6), layout="constrained")
    axis = figure.subplots()
    labels = [point.label for point in curve.points]
    service = [point.service_us for point in curve.points]
    questdb = [point.questdb_us for point in curve.points]
    axis.bar(labels, service, 0.6, label="service", color="#1f6feb")
    bars = axis.bar(labels, questdb, 0.6, bottom=service, label="QuestDB", color="#9a6700")
    axis.bar_label(bars, [f"{point.rows_per_s / 1e3:,.0f} k/s" for point in curve.points])
    axis.margins(y=0.15)
    axis.set_ylabel("CPU per row, us")
    axis.set_title(curve.title, fontsize=10)
    axis.legend(fontsize=8)
    told = "CPU per row of service and QuestDB; above the bars rows stored per second, best turn."
    return svg_file(figure, key=f"capacity-{curve.name}", title=curve.title, description=told)


def table(curve: Curve) -> str:
    """Return the points as a Markdown table, with rows/s also relative to the first point."""
    first = curve.points[0].rows_per_s
    layout = Table(
        *((curve.title, 15), ("rows/s", 7), ("to the first", 12), ("slowest turn", 12)),
        *(("service us/row", 14), ("QuestDB us/row", 14), ("worker MiB", 10)),
    )
    rows = [
        layout.row(
            [
                *(point.label, f"{point.rows_per_s / 1e3:,.0f} k"),
                *(f"{point.rows_per_s / first:.2f}", f"{point.slowest_rows_per_s / 1e3:,.0f} k"),
                *(f"{point.service_us:.2f}", f"{point.questdb_us:.2f}", f"{point.worker_mib:.0f}"),
            ]
        )
        for point in curve.points
    ]
    return "\n".join([layout.heading(), *rows])


def measure(settings: Sequence[Setting], questdb: OwnQuestDB, *, turns: int) -> list[Point]:
    """Take every point `turns` times, round by round, so that a slow moment meets all of them.

    Points that differ in keys of the service have a service each, all running at once; one works at
    a time. Before the first round each service has one turn that does not count.
    """
    with contextlib.ExitStack() as stack:
        benches: dict[str, tuple[Turns, int]] = {}
        sides: dict[str, Callable[[], tuple[Turn, float]]] = {}
        for setting in settings:
            key = repr((setting.source, setting.sink))
            if key not in benches:
                benches[key] = stack.enter_context(_bench(setting, questdb))
                benches[key][0].run_turn(setting.side(benches[key][1]))
            bench, port = benches[key]
            sides[setting.label] = partial(_turn, bench, setting.side(port))
        rounds = [taken for _, taken in in_turns(sides, rounds=turns)]
        return [_point(label, [taken[label] for taken in rounds]) for label in sides]


def _turn(bench: Turns, side: Side) -> tuple[Turn, float]:
    turn = bench.run_turn(side)
    print(f"  {turn.rows_per_s:,.0f} rows/s", flush=True)
    return turn, max(entry.rss_peak_bytes for entry in bench.workers()) / MIB


@contextlib.contextmanager
def _bench(setting: Setting, questdb: OwnQuestDB) -> Iterator[tuple[Turns, int]]:
    settings = ServiceSettings(source=setting.source, sink=setting.sink)
    with (
        tempfile.TemporaryDirectory() as folder,
        running_service(Path(folder), questdb.running, settings) as service,
    ):
        turns = Turns(questdb.rest, database_pid=questdb.running.pid, service_pid=service.pid)
        yield turns, service.meter_usage_port


def _point(label: str, taken: Sequence[tuple[Turn, float]]) -> Point:
    turns = [turn for turn, _ in taken]
    rows = turns[0].rows
    return Point(
        label=label,
        rows=rows,
        rows_per_s=round(max(turn.rows_per_s for turn in turns)),
        slowest_rows_per_s=round(min(turn.rows_per_s for turn in turns)),
        service_us=round(statistics.median(turn.service_cpu_s for turn in turns) / rows * 1e6, 2),
        questdb_us=round(statistics.median(turn.questdb_cpu_s for turn in turns) / rows * 1e6, 2),
        worker_mib=round(taken[-1][1], 1),
        refusals=sum(turn.refusals for turn in turns),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, keep and draw; 0 unless something could not be measured."""
    options = _parse(arguments)
    kept = {it.name: it for it in msgspec.json.decode(_RESULTS.read_bytes(), type=list[Curve])}
    if not options.draw:
        for curve in _measured(options.only or _CURVES, options.rows, options.turns):
            # Kept one by one, so that an interrupted run keeps what it has measured.
            kept[curve.name] = curve
            lines = [msgspec.json.encode(kept[name]) for name in sorted(kept)]
            _RESULTS.write_bytes(b"[" + b",\n".join(lines) + b"]\n")
    for curve in kept.values():
        (_IMAGES / f"capacity_{curve.name}.svg").write_text(picture(curve))
        print(f"\n{table(curve)}")
    return 0


def _measured(names: Iterable[str], rows: int, turns: int) -> Iterator[Curve]:
    with own_questdb("capacity-") as own:
        # QuestDB is slow until its JVM is warm: these turns are not kept.
        measure(connections(own.directory, rows)[1:2], own, turns=1)
        for name in names:
            title, settings = _CURVES[name]
            print(name, flush=True)
            points = measure(settings(own.directory, rows), own, turns=turns)
            yield Curve(name=name, title=title, commit=commit(), machine=machine(), points=points)


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
        " with late rows; keep the figures in loadtest/capacity/results.json and draw them"
        " into docs/images. The points of one curve take turns and compare. Starts a QuestDB and"
        " services; takes a quarter of an hour.",
        example="--only connections --turns 1 --rows 200000",
    )
    names = list(_CURVES)
    parser.add_argument("--only", action="append", choices=names, help="this one; may be repeated")
    parser.add_argument("--draw", action="store_true", help="only draw the kept figures")
    counts = {"turns": (3, "turns of each point"), "rows": (1_000_000, "rows of a turn")}
    return add_counts(parser, counts).parse_args(arguments)
