"""How long a query takes, from its text to its last row: cold, then warm.

Cold is the first query after a start of QuestDB whose files are not in the system's memory either;
warm is the median of those that follow at once.
"""

import math
import os
import statistics
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
from loadtest.questdb_rest import QuestDBRest
from loadtest.service_under_test import running_database

_WARM_RUNS = 3


@dataclass(frozen=True, slots=True)
class Timed:
    """One query's times.

    Attributes:
        name: Of the query.
        rows: Of its result.
        cold_s: Seconds of the first run.
        warm_s: Seconds, the median of three more.
        refusal: What QuestDB said if it gave up, as after its `query.timeout` of 60 s; else "".
    """

    name: str
    rows: int
    cold_s: float
    warm_s: float
    refusal: str = ""


class _Answer(msgspec.Struct):
    count: int


def time_queries(directory: Path, queries: Mapping[str, str]) -> Iterator[Timed]:
    """Start the QuestDB in `directory` anew for each query and time it; nobody else uses it."""
    for name, sql in queries.items():
        forget_files(directory)
        with running_database(directory) as running, QuestDBRest(running.http_port) as rest:
            rest.execute("SELECT 1")
            try:
                cold_s, rows = _run(rest, sql)
                warm_s = statistics.median(_run(rest, sql)[0] for _ in range(_WARM_RUNS))
            except RuntimeError as error:
                yield Timed(name, 0, math.nan, math.nan, str(error)[-200:])
                continue
        yield Timed(name, rows, cold_s, warm_s)


def forget_files(directory: Path) -> None:
    """Ask the system to drop what it has in memory of the files below `directory`.

    Only what is on the disk already can be dropped: all is written out first.
    """
    os.sync()
    for path in directory.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(descriptor)


def _run(rest: QuestDBRest, sql: str) -> tuple[float, int]:
    started_s = time.perf_counter()
    content = rest.execute(sql)
    spent_s = time.perf_counter() - started_s
    return spent_s, msgspec.json.decode(content, type=_Answer).count
