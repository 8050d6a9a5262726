"""What does a row cost with more meters, connections, rows per body and per batch, and late rows?

    python -m loadtest.capacity [--only NAME]... [--turns 3] [--rows 1000000] [--draw]

Measures on a QuestDB and services of its own, keeps the figures in `loadtest/capacity/results.json`
and draws them into `docs/images/`; `--draw` only draws. Figures of one curve come from one run and
compare; figures of different curves may not. Linux only.
"""

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
from loadtest.capacity import disk
from loadtest.capacity.curves import Curve, merged, svg, table
from loadtest.capacity.loads import produce_meters, shuffled, write_late
from loadtest.capacity.measuring import Database, Setting, measure
from loadtest.options import add_counts
from loadtest.posting import split_bodies
from loadtest.process_figures import commit, machine
from loadtest.service_under_test import DatabasePorts, running_database

_RESULTS = Path(__file__).parent / "results.json"
_IMAGES = Path(__file__).parents[2] / "docs" / "images"
_METERS = 10_000
_HOUR, _DAY = 4, 96
"""In intervals of 15 minutes."""


def meters(directory: Path, rows: int) -> list[Setting]:
    """Distinct meters, the number of rows being the same."""
    found = []
    for label, count in (("10 k", 10_000), ("100 k", 100_000), ("1 M", 1_000_000)):
        path = directory / f"meters-{count}"
        produce_meters(path, rows=rows, meters=count)
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
    _IMAGES.mkdir(exist_ok=True)
    for curve in results:
        (_IMAGES / f"capacity_{curve.name}.svg").write_text(svg(curve))
        print(f"\n{table(curve)}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, keep and draw; 0 unless something could not be measured."""
    options = _parse(arguments)
    if not options.draw:
        for curve in _measured(options.only or [*_CURVES, "disk"], options.rows, options.turns):
            # Kept one by one: a run that is cut short has not been for nothing.
            kept = merged(_kept(), [curve])
            _RESULTS.write_bytes(msgspec.json.format(msgspec.json.encode(kept), indent=2) + b"\n")
    draw(_kept())
    return 0


def _kept() -> list[Curve]:
    if not _RESULTS.exists():
        return []
    return msgspec.json.decode(_RESULTS.read_bytes(), type=list[Curve])


def _measured(names: Sequence[str], rows: int, turns: int) -> Iterator[Curve]:
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="capacity-")))
        running = stack.enter_context(running_database(directory / "questdb"))
        ports = DatabasePorts(running.http_port, running.ilp_port, running.pg_uri)
        database = Database(ports, running.pid, directory / "questdb")
        # QuestDB is slow until its JVM is warm; nothing of these turns is kept.
        measure(connections(directory, rows)[1:2], database, turns=1)
        for name in names:
            if name == "disk":
                continue
            title, settings = _CURVES[name]
            print(name, flush=True)
            points = measure(settings(directory, rows), database, turns=turns)
            yield Curve(name=name, title=title, commit=commit(), machine=machine(), points=points)
        if "disk" in names:
            print(disk.text(disk.measure_table(_plain(directory, rows), database)), flush=True)


def _plain(directory: Path, rows: int) -> Path:
    path = directory / f"plain-{rows}"
    if not path.exists():
        produce_meters(path, rows=rows, meters=_METERS)
    return path


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m loadtest.capacity")
    names = [*_CURVES, "disk"]
    parser.add_argument("--only", action="append", choices=names, help="this one; may be repeated")
    parser.add_argument("--draw", action="store_true", help="measure nothing")
    add_counts(
        parser,
        {"turns": (3, "of each point"), "rows": (1_000_000, "of a turn")},
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
