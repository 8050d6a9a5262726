"""Plays faults under load and proves that nothing acknowledged was lost, doubled or undone.

    python -m loadtest.faults [--only NAME]... [--seconds 30] [--seed 1] [--list]
    python -m loadtest.faults --sequences 200 [--seed 1]

Without `--sequences` it plays every fault by its name, then the sequences that have a name. With
it, sequences of faults and corrections, one drawn by each seed from `--seed` on; `--sequences 1
--seed N` plays the one of a seed again.

Runs a QuestDB and services of its own. Prints one row for each fault and sequence as it ends. Exit
code 0: the books of every run balance; 1: they do not, or a run did not recover; what was found is
printed.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from loadtest.faults.catalogue import SCENARIOS
from loadtest.faults.named_sequences import NAMED
from loadtest.faults.report import (
    heading,
    row,
    sequence_heading,
    sequence_row,
    sequence_summary,
)
from loadtest.faults.scenario import Scenario, play
from loadtest.faults.sequence_draws import draw
from loadtest.faults.sequences import FaultSequence, by_service, play_sequence
from loadtest.faults.stage import Scale, Stage

NAMES = [*SCENARIOS, *NAMED]


def main(arguments: Sequence[str] | None = None) -> int:
    """Play what was asked for and return the exit code."""
    options = _parse(arguments)
    if options.list:
        print("\n".join(NAMES))
        return 0
    names = options.only or ([] if options.sequences else NAMES)
    scenarios = [SCENARIOS[name] for name in names if name in SCENARIOS]
    sequences = [NAMED[name] for name in names if name in NAMED]
    sequences += by_service(map(draw, range(options.seed, options.seed + options.sequences)))
    rows = rows_needed(options.seconds) if scenarios else 1
    scale = Scale(seconds=options.seconds, rows=rows)
    with (
        tempfile.TemporaryDirectory(prefix="faults-") as directory,
        Stage(Path(directory), scale) as stage,
    ):
        failed = _play_scenarios(stage, scenarios, options.seed)
        failed |= _play_sequences(stage, sequences)
    print("FAILED" if failed else "nothing acknowledged was lost, doubled or undone")
    return 1 if failed else 0


def rows_needed(seconds: float) -> int:
    """Return more readings than any run posts whose fault lasts so long."""
    pace, body_rows = Scale().pace, Scale().body_rows
    return int(pace.producers / pace.pause_s * body_rows * (2 * seconds + 30))


def _play_scenarios(stage: Stage, scenarios: Sequence[Scenario], seed: int) -> bool:
    """Play faults and print their rows; return whether anything was found."""
    failed = False
    if scenarios:
        print(heading(), flush=True)
    for scenario in scenarios:
        report = play(stage, scenario, seed=seed)
        print(row(report), flush=True)
        _print_indented(report.failures)
        failed = failed or bool(report.failures)
    return failed


def _play_sequences(stage: Stage, sequences: Sequence[FaultSequence]) -> bool:
    """Play sequences and print their rows; return whether anything was found."""
    outcomes = []
    if sequences:
        print(sequence_heading(), flush=True)
    for sequence in sequences:
        outcomes.append(outcome := play_sequence(stage, sequence))
        print(sequence_row(outcome), flush=True)
        if outcome.failures:
            _print_indented([f"steps: {'; '.join(sequence.steps)}", *outcome.failures])
    if sequences:
        print(sequence_summary(outcomes), flush=True)
    return any(outcome.failures for outcome in outcomes)


def _print_indented(lines: Iterable[str]) -> None:
    for line in lines:
        print(f"  {line}", flush=True)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.faults",
        description="Play faults under load; prove that nothing is lost, doubled or undone.",
    )
    parser.add_argument("--only", action="append", choices=NAMES, metavar="NAME", help="repeatable")
    parser.add_argument(
        "--sequences", type=_count, default=0, metavar="N", help="sequences to draw and play (0)"
    )
    parser.add_argument(
        "--seconds", type=_seconds, default=30.0, metavar="N", help="length of a fault (30)"
    )
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of what is random (1)")
    parser.add_argument("--list", action="store_true", help="print the names and do nothing else")
    return parser.parse_args(arguments)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= 600:
        raise argparse.ArgumentTypeError("must be over 0 and at most 600")
    return seconds


def _count(text: str) -> int:
    count = int(text)
    if not 0 <= count <= 10_000:
        raise argparse.ArgumentTypeError("must be 0 to 10,000")
    return count


if __name__ == "__main__":
    sys.exit(main())
