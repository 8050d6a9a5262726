"""Takes the points of a curve in turns, so that a slow moment of the machine meets all of them."""

import contextlib
import statistics
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from loadtest.bench.turns import Bench, Side, Turn
from loadtest.capacity.curves import Point
from loadtest.meter_posts import CONTENT_TYPE, PATH
from loadtest.posting import Body, Target
from loadtest.questdb_rest import QuestDBRest
from loadtest.service_under_test import (
    DatabasePorts,
    ServiceSettings,
    Value,
    running_service,
)

_MIB = 2**20


@dataclass(frozen=True, slots=True)
class Setting:
    """What one point of a curve is.

    Attributes:
        label: In table and picture.
        path: The readings.
        bodies: How they are cut.
        connections: At the same time.
        source: Keys of `[meter_usage.source]`.
        sink: Keys of `[meter_usage.sink]`.
    """

    label: str
    path: Path
    bodies: Sequence[Body]
    connections: int
    source: Mapping[str, Value] = field(default_factory=dict)
    sink: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Database:
    """The QuestDB of all curves.

    Attributes:
        ports: Where it listens.
        pid: Its process.
        directory: Its data.
    """

    ports: DatabasePorts
    pid: int
    directory: Path


def measure(settings: Sequence[Setting], database: Database, *, turns: int) -> list[Point]:
    """Take every point `turns` times, round by round, and return what they came to.

    Points that differ in the service's own keys have a service each, all of them up at once; only
    one works at a time. Before the first round each service has one turn that does not count.
    """
    with contextlib.ExitStack() as stack:
        rest = stack.enter_context(QuestDBRest(database.ports.http))
        benches: dict[str, tuple[Bench, int]] = {}
        for setting in settings:
            key = repr((setting.source, setting.sink))
            if key not in benches:
                benches[key] = stack.enter_context(_bench(setting, database, rest))
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
                peaks[setting.label] = max(entry.rss_peak_bytes for entry in workers) / _MIB
        return [_point(label, entries, peaks[label]) for label, entries in taken.items()]


@contextlib.contextmanager
def _bench(setting: Setting, database: Database, rest: QuestDBRest) -> Iterator[tuple[Bench, int]]:
    settings = ServiceSettings(source=setting.source, sink=setting.sink)
    with (
        tempfile.TemporaryDirectory() as folder,
        running_service(Path(folder), database.ports, settings) as service,
    ):
        bench = Bench(rest, database_pid=database.pid, service_pid=service.pid)
        yield bench, service.meter_usage_port


def _side(setting: Setting, port: int) -> Side:
    return Side(
        name="service",
        path=setting.path,
        bodies=setting.bodies,
        target=Target(port, PATH, CONTENT_TYPE),
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
