"""`python -m loadtest faults`: breaks things under load and balances the books after each fault."""

import argparse
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from loadtest.command_line import Table, add_choice, command_parser
from loadtest.faults.kafka_scenarios import KAFKA_SCENARIOS
from loadtest.faults.kafka_stage import KafkaStage
from loadtest.faults.scale import Scale
from loadtest.faults.scenario import Report, Scenario, play
from loadtest.faults.scenarios import SCENARIOS
from loadtest.faults.sequence_play import Outcome, play_sequence
from loadtest.faults.sequences import NAMED, FaultSequence, by_service, draw
from loadtest.faults.stage import Stage

NAMES = [*SCENARIOS, *NAMED]
ALL_NAMES = [*NAMES, *KAFKA_SCENARIOS]

FAULT_TABLE = Table(
    ("fault", 22),
    ("acknowledged", 12),
    ("stored", 9),
    ("lost", 6),
    ("doubled", 7),
    ("wrong", 6),
    ("versions", 8),
    ("undone", 6),
    ("retries", 7),
    ("acknowledged meanwhile", 22),
    ("slowest answer, s", 17),
    ("until acknowledged, s", 21),
)
"""Rows in all columns up to undone, then bodies. Wrong: with a value that was not sent, or not sent
at all. Versions: acknowledged ones of corrected readings. Undone: readings whose stored version is
older than the last acknowledged one. Acknowledged meanwhile: in the later half of a fault. The last
column: the longest time from the end of a fault to the next acknowledgement."""

SEQUENCE_TABLE = Table(
    ("sequence", 24),
    ("workers", 7),
    ("connections", 11),
    ("spool", 5),
    ("steps", 5),
    ("readings", 8),
    ("versions", 8),
    ("undone", 6),
    ("lost", 6),
    ("wrong", 6),
)
"""Connections: of each worker to QuestDB. Readings are corrected several times. Undone: at the end
or where a sequence looks."""


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
    failed = False
    with tempfile.TemporaryDirectory(prefix="faults-") as name:
        if scenarios or sequences:
            with Stage(Path(name), scale) as stage:
                failed |= _play_scenarios(stage, scenarios, options.seed)
                failed |= _play_sequences(stage, sequences)
        if through_log:
            (directory := Path(name, "log")).mkdir()
            with KafkaStage(directory, scale, brokers=options.brokers) as stage:
                failed |= _play_scenarios(stage, through_log, options.seed)
    print("FAILED" if failed else "nothing acknowledged was lost, doubled or undone")
    return 1 if failed else 0


def _all_names(options: argparse.Namespace) -> list[str]:
    """Return what is played where no name was given."""
    if options.kafka:
        return list(KAFKA_SCENARIOS)
    return [] if options.sequences else NAMES


def _play_scenarios(stage: Stage, scenarios: Sequence[Scenario], seed: int) -> bool:
    """Play faults and print their rows; return whether one failed."""
    failed = False
    if scenarios:
        print(FAULT_TABLE.heading(), flush=True)
    for scenario in scenarios:
        report = play(stage, scenario, seed=seed)
        print(fault_row(report), flush=True)
        _print_indented(report.failures)
        failed = failed or bool(report.failures)
    return failed


def _play_sequences(stage: Stage, sequences: Sequence[FaultSequence]) -> bool:
    """Play sequences and print their rows; return whether one failed."""
    outcomes = []
    if sequences:
        print(SEQUENCE_TABLE.heading(), flush=True)
    for sequence in sequences:
        outcomes.append(outcome := play_sequence(stage, sequence))
        print(sequence_row(outcome), flush=True)
        if outcome.failures:
            _print_indented([f"steps: {'; '.join(sequence.steps)}", *outcome.failures])
    if sequences:
        print(sequence_summary(outcomes), flush=True)
    return any(outcome.failures for outcome in outcomes)


def fault_row(report: Report) -> str:
    """Return the row of a fault; a dash stands for an unknown value."""
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
    return FAULT_TABLE.row([report.name, *counts, *rest])


def sequence_row(outcome: Outcome) -> str:
    """Return the row of a sequence."""
    sequence, books = outcome.sequence, outcome.books
    cells = (
        *(sequence.setup.workers, sequence.connections),
        "yes" if sequence.setup.spool else "no",
        *(len(sequence.steps), books.keys, books.versions, books.undone, books.lost),
        books.doubled + books.wrong + books.unsent,
    )
    return SEQUENCE_TABLE.row([sequence.name, *map(str, cells)])


def sequence_summary(outcomes: Sequence[Outcome]) -> str:
    """Return one line about all sequences."""
    books = [outcome.books for outcome in outcomes]
    return (
        f"{len(outcomes)} sequences of faults, {sum(it.keys for it in books)} readings,"
        f" {sum(it.versions for it in books)} versions acknowledged,"
        f" {sum(it.undone for it in books)} undone"
    )


def _print_indented(lines: Iterable[str]) -> None:
    for line in lines:
        print(f"  {line}", flush=True)


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
