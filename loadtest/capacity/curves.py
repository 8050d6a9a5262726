"""Capacity curves: their points taken in turns, kept as JSON, drawn as tables and SVG."""

import contextlib
import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import msgspec
from loadtest.bench.turns import Side, Turn, Turns
from loadtest.charts import nice_ceiling, short
from loadtest.client import Target
from loadtest.database import OwnQuestDB
from loadtest.processes import MIB, StillNot, wait_until
from loadtest.readings import Body, split_bodies
from loadtest.service import ServiceSettings, Value, running_service
from loadtest.stored import TABLE

_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 640, 260, 60, 40, 46
_SERVICE, _QUESTDB = "#1f6feb", "#9a6700"


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


def svg(curve: Curve) -> str:
    """Return a picture: for each point the CPU per row, service below QuestDB, and rows/s above."""
    points = curve.points
    high = nice_ceiling(max(point.service_us + point.questdb_us for point in points))
    width = (_WIDTH - _LEFT - 10) / len(points)
    ground = _HEIGHT - _BOTTOM
    scale = (ground - _TOP) / high
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img"'
        f' aria-label="{escape(curve.title)}" font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        f'<text x="10" y="16" font-weight="bold">{escape(curve.title)}</text>',
        f'<text x="10" y="{_HEIGHT - 6}" fill="{_SERVICE}">service</text>',
        f'<text x="62" y="{_HEIGHT - 6}" fill="{_QUESTDB}">QuestDB</text>',
        f'<text x="126" y="{_HEIGHT - 6}" fill="#57606a">us of CPU per row;'
        " above the bars: rows/s, best turn</text>",
    ]
    for step in range(5):
        value = high * step / 4
        y = ground - value * scale
        parts.append(f'<path stroke="#d8dee4" d="M{_LEFT} {y:.1f}H{_WIDTH - 10}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.3g}</text>')
    for index, point in enumerate(points):
        x, bar = _LEFT + (index + 0.2) * width, width * 0.6
        middle = x + bar / 2
        service, questdb = point.service_us * scale, point.questdb_us * scale
        parts += [
            f'<rect x="{x:.1f}" y="{ground - service:.1f}" width="{bar:.1f}"'
            f' height="{service:.1f}" fill="{_SERVICE}"/>',
            f'<rect x="{x:.1f}" y="{ground - service - questdb:.1f}" width="{bar:.1f}"'
            f' height="{questdb:.1f}" fill="{_QUESTDB}"/>',
            f'<text x="{middle:.1f}" y="{ground - service - questdb - 5:.1f}"'
            f' text-anchor="middle">{short(point.rows_per_s)}</text>',
            f'<text x="{middle:.1f}" y="{ground + 16}" text-anchor="middle">'
            f"{escape(point.label)}</text>",
        ]
    return "\n".join([*parts, "</svg>"]) + "\n"


def table(curve: Curve) -> str:
    """Return the points as a Markdown table, with rows/s also relative to the first point."""
    lines = [
        f"| {curve.title} | rows/s | to the first | slowest turn | service us/row |"
        " QuestDB us/row | worker MiB |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    first = curve.points[0].rows_per_s
    lines += [
        f"| {point.label} | {point.rows_per_s / 1e3:,.0f} k | {point.rows_per_s / first:.2f} |"
        f" {point.slowest_rows_per_s / 1e3:,.0f} k | {point.service_us:.2f} |"
        f" {point.questdb_us:.2f} | {point.worker_mib:.0f} |"
        for point in curve.points
    ]
    return "\n".join(lines)


def merged(old: Sequence[Curve], new: Sequence[Curve]) -> list[Curve]:
    """Return the new curves and those old ones that were not measured again."""
    again = {curve.name for curve in new}
    return sorted(
        [curve for curve in old if curve.name not in again] + list(new), key=lambda one: one.name
    )


def load_curves(path: Path) -> list[Curve]:
    """Return the kept curves; none where there is no file."""
    return msgspec.json.decode(path.read_bytes(), type=list[Curve]) if path.exists() else []


def save_curves(path: Path, curves: Sequence[Curve]) -> None:
    """Keep the curves, one line each."""
    path.write_bytes(b"[" + b",\n".join(map(msgspec.json.encode, curves)) + b"]\n")


_PURGE_TIMEOUT_S = 90.0
"""QuestDB looks for logs that it can remove every 30 s."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One point of a curve: the bodies of `path`, connections, keys of source and sink."""

    label: str
    path: Path
    bodies: Sequence[Body]
    connections: int
    source: Mapping[str, Value] = field(default_factory=dict)
    sink: Mapping[str, Value] = field(default_factory=dict)


def measure(settings: Sequence[Setting], questdb: OwnQuestDB, *, turns: int) -> list[Point]:
    """Take every point `turns` times, round by round, so that a slow moment meets all of them.

    Points that differ in keys of the service have a service each, all running at once; one works at
    a time. Before the first round each service has one turn that does not count.
    """
    with contextlib.ExitStack() as stack:
        benches: dict[str, tuple[Turns, int]] = {}
        for setting in settings:
            key = repr((setting.source, setting.sink))
            if key not in benches:
                benches[key] = stack.enter_context(_turns(setting, questdb))
                benches[key][0].run_turn(_side(setting, benches[key][1]))
        taken: dict[str, list[Turn]] = {setting.label: [] for setting in settings}
        peaks: dict[str, float] = {}
        for _ in range(turns):
            for setting in settings:
                bench, port = benches[repr((setting.source, setting.sink))]
                turn = bench.run_turn(_side(setting, port))
                taken[setting.label].append(turn)
                print(f"  {setting.label}: {turn.rows_per_s:,.0f} rows/s", flush=True)
                workers = bench.workers()
                peaks[setting.label] = max(entry.rss_peak_bytes for entry in workers) / MIB
        return [_point(label, entries, peaks[label]) for label, entries in taken.items()]


@contextlib.contextmanager
def _turns(setting: Setting, questdb: OwnQuestDB) -> Iterator[tuple[Turns, int]]:
    settings = ServiceSettings(source=setting.source, sink=setting.sink)
    with (
        tempfile.TemporaryDirectory() as folder,
        running_service(Path(folder), questdb.running, settings) as service,
    ):
        turns = Turns(questdb.rest, database_pid=questdb.running.pid, service_pid=service.pid)
        yield turns, service.meter_usage_port


def _side(setting: Setting, port: int) -> Side:
    return Side(
        name="service",
        path=setting.path,
        bodies=setting.bodies,
        target=Target(port),
        connections=setting.connections,
    )


def _point(label: str, turns: Sequence[Turn], worker_mib: float) -> Point:
    rows = turns[0].rows
    return Point(
        label=label,
        rows=rows,
        rows_per_s=round(max(turn.rows_per_s for turn in turns)),
        slowest_rows_per_s=round(min(turn.rows_per_s for turn in turns)),
        service_us=round(statistics.median(turn.service_cpu_s for turn in turns) / rows * 1e6, 2),
        questdb_us=round(statistics.median(turn.questdb_cpu_s for turn in turns) / rows * 1e6, 2),
        worker_mib=round(worker_mib, 1),
        refusals=sum(turn.refusals for turn in turns),
    )


class _Directory(msgspec.Struct, array_like=True, frozen=True):
    name: str


@dataclass(frozen=True, slots=True)
class Disk:
    """Bytes per row that the table's directory takes, as `du` counts.

    Attributes:
        applied: When all rows are visible and the logs are still there.
        purged: When QuestDB has removed the logs.
        columns: The part of `purged` in partitions; the rest is symbol tables and the like.
    """

    rows: int
    applied: float
    purged: float
    columns: float

    def __str__(self) -> str:
        return (
            f"disk: {self.rows:,} rows; bytes per row: {self.applied:.0f} applied,"
            f" {self.purged:.0f} once the log is purged, {self.columns:.0f} of it in partitions"
        )


def measure_directory(directory: Path, keep: Callable[[Path], bool] = lambda _: True) -> int:
    """Return the bytes that the files below `directory` take on disk."""
    total = 0
    for path in directory.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # QuestDB goes on working
            if path.is_file() and keep(path):
                total += path.stat().st_blocks * 512
    return total


def measure_table(path: Path, questdb: OwnQuestDB) -> Disk:
    """Store the rows of `path` once and look at the table's directory."""
    bodies = split_bodies(path, 10_000)
    rows = sum(body.rows for body in bodies)
    measure([Setting("disk", path, bodies, 4)], questdb, turns=1)
    sql = f"SELECT directoryName FROM tables() WHERE table_name = '{TABLE}'"  # noqa: S608 - constant
    folder = questdb.directory / "questdb" / "db" / questdb.rest.rows(sql, _Directory)[0].name
    applied = measure_directory(folder)
    with contextlib.suppress(StillNot):
        wait_until(
            lambda: not any(folder.glob("wal[0-9]*")),
            "the logs are removed",
            timeout_s=_PURGE_TIMEOUT_S,
            every_s=1.0,
        )
    purged = measure_directory(folder)
    columns = measure_directory(folder, lambda one: one.parent != folder)
    return Disk(rows, applied / rows, purged / rows, columns / rows)
