"""`python -m loadtest capacity`: the curves of docs/CAPACITY.md, measured, kept and drawn."""

import argparse
import itertools
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from loadtest.capacity.curves import (
    Curve,
    Setting,
    load_curves,
    measure,
    measure_table,
    merged,
    save_curves,
    svg,
    table,
)
from loadtest.command_line import add_counts, command_parser
from loadtest.database import own_questdb
from loadtest.processes import commit, machine
from loadtest.readings import Body, produce, split_bodies

_RESULTS = Path(__file__).parent / "results.json"
_IMAGES = Path(__file__).parents[2] / "docs" / "images"
_METERS = 10_000
_HOUR, _DAY = 4, 96
"""In intervals of 15 minutes."""
_LATE_IN = 10
"""One row in so many is late."""


def meters(directory: Path, rows: int) -> list[Setting]:
    """Distinct meters, the number of rows being the same."""
    found = []
    for label, count in (("10 k", 10_000), ("100 k", 100_000), ("1 M", 1_000_000)):
        path = directory / f"meters-{count}"
        produce(path, rows, meters=count)
        found.append(Setting(label, path, split_bodies(path, 10_000), 16))
    return found


def connections(directory: Path, rows: int) -> list[Setting]:
    """Clients at a time, 10,000 rows a body."""
    path = _plain(directory, rows)
    return [Setting(str(n), path, split_bodies(path, 10_000), n) for n in (1, 4, 16, 64)]


def body_rows(directory: Path, rows: int) -> list[Setting]:
    """Rows of one request, 16 connections; fewer rows altogether where bodies are small."""
    found = []
    for size in (100, 1_000, 10_000, 50_000):
        share = min(rows, max(size * 1_000, rows // 2))
        path = _plain(directory, share)
        found.append(Setting(f"{size:,}", path, split_bodies(path, size), 16))
    return found


def batch_size(directory: Path, rows: int) -> list[Setting]:
    """Rows of one commit; channel_capacity is twice that, 50,000 at least."""
    path = _plain(directory, rows)
    return [
        Setting(
            f"{size:,}",
            path,
            split_bodies(path, 10_000),
            64,
            source={"channel_capacity": max(50_000, 2 * size)},
            sink={"batch_size": size},
        )
        for size in (5_000, 25_000, 100_000)
    ]


def lateness(directory: Path, rows: int) -> list[Setting]:
    """The same rows over two days in other orders, 4 connections."""
    rows *= 2
    path = _plain(directory, rows)
    hour, day = directory / "hour", directory / "day"
    write_late(path, hour, meters=_METERS, intervals=_HOUR)
    write_late(path, day, meters=_METERS, intervals=_DAY)
    plain = split_bodies(path, 10_000)
    return [
        Setting("in order", path, plain, 4),
        Setting("10 %: 1 hour", hour, split_bodies(hour, 10_000), 4),
        Setting("10 %: 1 day", day, split_bodies(day, 10_000), 4),
        Setting("bodies shuffled", path, shuffled(plain), 4),
    ]


_CURVES: Mapping[str, tuple[str, Callable[[Path, int], list[Setting]]]] = {
    "meters": ("distinct meters", meters),
    "connections": ("connections", connections),
    "body_rows": ("rows of a body", body_rows),
    "batch_size": ("batch_size", batch_size),
    "lateness": ("late rows", lateness),
}


def draw(results: Sequence[Curve]) -> None:
    """Write one picture for each curve and print its table."""
    for curve in results:
        (_IMAGES / f"capacity_{curve.name}.svg").write_text(svg(curve))
        print(f"\n{table(curve)}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, keep and draw; 0 unless something could not be measured."""
    options = _parse(arguments)
    if not options.draw:
        for curve in _measured(options.only or [*_CURVES, "disk"], options.rows, options.turns):
            # Kept one by one, so that an interrupted run keeps what it has measured.
            save_curves(_RESULTS, merged(load_curves(_RESULTS), [curve]))
    draw(load_curves(_RESULTS))
    return 0


def _measured(names: Sequence[str], rows: int, turns: int) -> Iterator[Curve]:
    with own_questdb("capacity-") as own:
        # QuestDB is slow until its JVM is warm: these turns are not kept.
        measure(connections(own.directory, rows)[1:2], own, turns=1)
        for name in names:
            if name == "disk":
                continue
            title, settings = _CURVES[name]
            print(name, flush=True)
            points = measure(settings(own.directory, rows), own, turns=turns)
            yield Curve(name=name, title=title, commit=commit(), machine=machine(), points=points)
        if "disk" in names:
            print(measure_table(_plain(own.directory, rows), own), flush=True)


def _plain(directory: Path, rows: int) -> Path:
    path = directory / f"plain-{rows}"
    if not path.exists():
        produce(path, rows, meters=_METERS)
    return path


def write_late(source: Path, target: Path, *, meters: int, intervals: int) -> None:
    """Write the lines of `source` with one in ten so many intervals later than the others."""
    with source.open("rb") as lines, target.open("wb") as out:
        out.writelines(late(lines, meters=meters, intervals=intervals))


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
        held.append([line for index, line in enumerate(interval) if index % _LATE_IN == delayed])
        if len(held) > intervals:
            yield from held.pop(0)
    for rest in held:
        yield from rest


def shuffled(bodies: Sequence[Body]) -> list[Body]:
    """Return the bodies in a random order, the same each time."""
    mixed = list(bodies)
    random.Random(1).shuffle(mixed)
    return mixed


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = command_parser(
        "capacity",
        "Measure what a row costs with more meters, connections, rows per body and per batch, with"
        " late rows, and on disk; keep the figures in loadtest/capacity/results.json and draw them"
        " into docs/images. The points of one curve take turns and compare. Starts a QuestDB and"
        " services; takes a quarter of an hour.",
        example="--only connections --turns 1 --rows 200000",
    )
    names = [*_CURVES, "disk"]
    parser.add_argument("--only", action="append", choices=names, help="this one; may be repeated")
    parser.add_argument("--draw", action="store_true", help="only draw the kept figures")
    add_counts(
        parser,
        {"turns": (3, "turns of each point"), "rows": (1_000_000, "rows of a turn")},
    )
    return parser.parse_args(arguments)
