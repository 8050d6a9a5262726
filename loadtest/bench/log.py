"""What a row costs on its way through the log, part by part, next to the direct way.

Four ways take turns on the same readings: edge to QuestDB, edge to log, log to two QuestDBs by
`consume`, and all of it together. CPU per row is what compares; rows per second only on a machine
that does nothing else.
"""

import argparse
import contextlib
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from loadtest.bench.log_stage import PARTS, LogStage, Shards, Turn
from loadtest.command_line import Table, add_counts, add_repeated, command_parser
from loadtest.database import QuestDBRest
from loadtest.faults.brokers import Brokers
from loadtest.processes import commit, machine
from loadtest.readings import produce

from utility_ts_analytics.database.embedded_questdb.server import EmbeddedQuestDB

_PARTITIONS = (12, 24, 48)
_SIZES_KIB = (256, 512, 1024)
_HEAP_MIB = 1_024

_REPORT = Table(
    ("way", 21),
    ("partitions", 10),
    ("KiB wanted", 10),
    ("KiB", 6),
    ("rows/s", 9),
    *((f"{part}, us", 11) for part in PARTS),
    ("all, us", 8),
)
"""Medians; KiB: of a message; us: CPU per row."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What to measure; see the help texts of the command."""

    rows: int
    rounds: int
    brokers: int
    partitions: Sequence[int]
    sizes: Sequence[int]
    out: Path | None


def run(settings: Settings) -> list[Turn]:
    """Measure every point, print a row of the table for each of its ways, and return these.

    Raises:
        RuntimeError: A turn could not be measured.
    """
    found: list[Turn] = []
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-log-")))
        lines = directory / "readings.ndjson"
        produce(lines, settings.rows)
        running = [
            stack.enter_context(EmbeddedQuestDB(directory / f"questdb-{name}", heap_mib=_HEAP_MIB))
            for name in ("a", "b")
        ]
        rest = [stack.enter_context(QuestDBRest(one.http_port)) for one in running]
        brokers = stack.enter_context(Brokers(directory / "kafka", settings.brokers))
        stage = LogStage(Shards(running, rest), brokers, lines, settings.rows)
        print(_REPORT.heading(), flush=True)
        for partitions in settings.partitions:
            for size_kib in settings.sizes:
                with stage.set_up(directory, partitions, size_kib):
                    list(stage.turns())  # warm-up
                    rounds = [list(stage.turns()) for _ in range(settings.rounds)]
                for turns in zip(*rounds, strict=True):
                    found.append(_median(turns))
                    print(_row(found[-1]), flush=True)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print the table; 0 unless a turn could not be measured."""
    settings = _parse(arguments)
    turns = run(settings)
    if settings.out is not None:
        kept = {"commit": commit(), "machine": machine(), "turns": turns}
        settings.out.write_bytes(msgspec.json.format(msgspec.json.encode(kept), indent=2) + b"\n")
    return 0


def _median(turns: Sequence[Turn]) -> Turn:
    return msgspec.structs.replace(
        turns[0],
        message_kib=statistics.median(turn.message_kib for turn in turns),
        rows_per_s=statistics.median(turn.rows_per_s for turn in turns),
        cpu_us={part: statistics.median(turn.cpu_us[part] for turn in turns) for part in PARTS},
    )


def _row(turn: Turn) -> str:
    costs = [turn.cpu_us[part] for part in PARTS]
    numbers = (turn.partitions, turn.wanted_kib, turn.message_kib, turn.rows_per_s)
    return _REPORT.row(
        [turn.way, *(f"{it:,.0f}" for it in numbers), *(f"{it:.2f}" for it in (*costs, sum(costs)))]
    )


def _parse(arguments: Sequence[str] | None) -> Settings:
    parser = command_parser(
        "log",
        "Measure rows per second and CPU per row of edge, brokers, consume and QuestDB: direct,"
        " into the log, out of it into two shards, and all together, by number of partitions and"
        " size of messages. Starts Kafka, two QuestDBs and the service. Exit code 0 unless a turn"
        " could not be measured.",
        example="--partitions 24 --size 512 --rounds 3",
    )
    counts = {
        "rows": (400_000, "rows of one turn"),
        "rounds": (2, "turns of each way that count"),
    }
    add_counts(parser, counts)
    parser.add_argument("--brokers", type=int, choices=(1, 3), default=1, help="of the log (1)")
    repeated = {
        "partitions": (_PARTITIONS, "partitions of the topic"),
        "size": (_SIZES_KIB, "wanted KiB of a message"),
    }
    add_repeated(parser, repeated)
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the result as JSON")
    given: argparse.Namespace = parser.parse_args(arguments)
    return Settings(
        given.rows,
        given.rounds,
        given.brokers,
        given.partitions or _PARTITIONS,
        given.size or _SIZES_KIB,
        given.out,
    )
