"""`python -m loadtest faults`: breaks things under load and balances the books after each fault."""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from loadtest.command_line import Table, add_choice, command_parser
from loadtest.faults.kafka_scenarios import KAFKA_SCENARIOS
from loadtest.faults.kafka_stage import KafkaStage
from loadtest.faults.scale import Scale
from loadtest.faults.scenario import Report, play
from loadtest.faults.scenarios import SCENARIOS
from loadtest.faults.sequence_play import play_sequence
from loadtest.faults.sequences import NAMED, by_service, draw
from loadtest.faults.stage import Stage

NAMES = [*SCENARIOS, *NAMED]
ALL_NAMES = [*NAMES, *KAFKA_SCENARIOS]

TABLE = Table(
    *(("fault or sequence", 22), ("acknowledged", 12), ("stored", 9), ("lost", 6), ("doubled", 7)),
    *(("wrong", 6), ("versions", 8), ("undone", 6), ("retries", 7)),
    *(("acknowledged meanwhile", 22), ("slowest answer, s", 17), ("until acknowledged, s", 21)),
)
"""Rows in all columns up to undone, then bodies. Wrong: with a value that was not sent, or not sent
at all. Versions: acknowledged ones of corrected readings. Undone: readings whose stored version is
older than the last acknowledged one. Acknowledged meanwhile: in the later half of a fault. The last
column: the longest time from the end of a fault to the next acknowledgement."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Play the chosen faults and sequences and return the exit code."""
    options = _parser().parse_args(arguments)
    if options.list:
        print("\n".join(ALL_NAMES))
        return 0
    names = options.only or _all_names(options)
    scenarios = [SCENARIOS[name] for name in names if name in SCENARIOS]
    through_log = [KAFKA_SCENARIOS[name] for name in names if name in KAFKA_SCENARIOS]
    sequences = [NAMED[name] for name in names if name in NAMED]
    sequences += by_service(map(draw, range(options.seed, options.seed + options.sequences)))
    scale = Scale(seconds=options.seconds)
    print(TABLE.heading(), flush=True)
    failed = False
    with tempfile.TemporaryDirectory(prefix="faults-") as name:
        if scenarios or sequences:
            with Stage(Path(name), scale) as stage:
                for scenario in scenarios:
                    failed |= _tell(play(stage, scenario, seed=options.seed))
                for sequence in sequences:
                    failed |= _tell(play_sequence(stage, sequence))
        if through_log:
            (directory := Path(name, "log")).mkdir()
            with KafkaStage(directory, scale, brokers=options.brokers) as stage:
                for scenario in through_log:
                    failed |= _tell(play(stage, scenario, seed=options.seed))
    print("FAILED" if failed else "nothing acknowledged was lost, doubled or undone")
    return 1 if failed else 0


def _all_names(options: argparse.Namespace) -> list[str]:
    """Return what is played where no name was given."""
    if options.kafka:
        return list(KAFKA_SCENARIOS)
    return [] if options.sequences else NAMES


def _tell(report: Report) -> bool:
    """Print the row of a run, and what failed; return whether anything did."""
    print("\n  ".join([row(report), *report.failures]), flush=True)
    return bool(report.failures)


def row(report: Report) -> str:
    """Return the row of a run; a dash stands for an unknown value."""
    books = report.books
    counts = ["-"] * 7
    if books is not None:
        numbers = (
            *(books.acknowledged, books.stored, books.lost, books.doubled),
            *(books.wrong + books.unsent, books.versions, books.undone),
        )
        counts = [str(number) for number in numbers]
    recovery = "-" if report.recovery_s is None else f"{report.recovery_s:.1f}"
    rest = [str(report.retries), str(report.answered_in_fault), f"{report.slowest_s:.1f}", recovery]
    return TABLE.row([report.name, *counts, *rest])


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "faults",
        "Break QuestDB, connections, processes, clients, the table and the disk while clients post,"
        " and compare the whole table with every answer. Starts a QuestDB and services."
        " Exit code 0: the books of every run balance; 1: they do not, or a run did not recover.",
        example="--only questdb-killed --only storm --seconds 8",
    )
    add_choice(parser, ALL_NAMES, "fault or named sequence")
    parser.add_argument(
        "--kafka",
        action="store_true",
        help="play the faults of the log instead: edge, Kafka, two consumers, QuestDB",
    )
    parser.add_argument(
        "--brokers", type=int, choices=(1, 3), default=3, help="of the log (default: 3)"
    )
    parser.add_argument(
        "--sequences",
        type=_sequences,
        default=0,
        metavar="N",
        help="draw and play N random sequences, the first by --seed, instead of all faults (0)",
    )
    parser.add_argument(
        "--seconds", type=_seconds, default=30.0, metavar="N", help="length of a fault (30)"
    )
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of random choices (1)")
    return parser


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= 600:
        raise argparse.ArgumentTypeError("must be over 0 and at most 600")
    return seconds


def _sequences(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 10_000:
        raise argparse.ArgumentTypeError("must be 0 to 10,000")
    return number
