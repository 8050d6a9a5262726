"""Files of readings for the curves: so many meters, some rows late; same rows, other order."""

import itertools
import random
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from loadtest.posting import Body

_PRODUCER = Path(__file__).parents[2] / "scripts" / "produce_ndjson.py"
LATE_IN = 10
"""One row in so many is late."""


def produce_meters(path: Path, *, rows: int, meters: int) -> None:
    """Write so many readings of so many meters, interval by interval, each with its own key."""
    with path.open("wb") as lines:
        subprocess.run(  # noqa: S603 - our own interpreter and script
            [
                *(sys.executable, str(_PRODUCER), "meter-usage"),
                *("--count", str(rows), "--meters", str(meters)),
            ],
            stdout=lines,
            check=True,
        )


def write_late(source: Path, target: Path, *, meters: int, intervals: int) -> None:
    """Write the lines of `source` with one in ten so many intervals later than the others."""
    with source.open("rb") as lines, target.open("wb") as out:
        out.writelines(late(lines, meters=meters, intervals=intervals))


def late(lines: Iterable[bytes], *, meters: int, intervals: int) -> Iterator[bytes]:
    """Yield every line once, one in ten of an interval `intervals` intervals later.

    Which meters are late changes from interval to interval. What is still held at the end comes
    last.

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
        delayed = number % LATE_IN
        yield from (line for index, line in enumerate(interval) if index % LATE_IN != delayed)
        held.append([line for index, line in enumerate(interval) if index % LATE_IN == delayed])
        if len(held) > intervals:
            yield from held.pop(0)
    for rest in held:
        yield from rest


def shuffled(bodies: Sequence[Body]) -> list[Body]:
    """Return the bodies in a random order, the same each time."""
    mixed = list(bodies)
    random.Random(1).shuffle(mixed)
    return mixed
