"""Plays every fault under load and proves that nothing acknowledged was lost or doubled.

    python -m loadtest.faults [--only NAME]... [--seconds 30] [--seed 1] [--list]

Runs a QuestDB and services of its own. Prints one row for each fault as it ends. Exit code 0: the
books of every run balance; 1: they do not, or a run did not recover; what was found is printed.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from loadtest.faults.catalogue import SCENARIOS
from loadtest.faults.report import heading, row
from loadtest.faults.scenario import play
from loadtest.faults.stage import Scale, Stage


def main(arguments: Sequence[str] | None = None) -> int:
    """Play what was asked for and return the exit code."""
    options = _parse(arguments)
    if options.list:
        print("\n".join(SCENARIOS))
        return 0
    scale = Scale(seconds=options.seconds, rows=rows_needed(options.seconds))
    failed = False
    with (
        tempfile.TemporaryDirectory(prefix="faults-") as directory,
        Stage(Path(directory), scale) as stage,
    ):
        print(heading(), flush=True)
        for name in options.only or SCENARIOS:
            report = play(stage, SCENARIOS[name], seed=options.seed)
            print(row(report), flush=True)
            for failure in report.failures:
                print(f"  {failure}", flush=True)
            failed = failed or bool(report.failures)
    print("FAILED" if failed else "nothing acknowledged was lost or doubled")
    return 1 if failed else 0


def rows_needed(seconds: float) -> int:
    """Return more readings than any run posts whose fault lasts so long."""
    pace, body_rows = Scale().pace, Scale().body_rows
    return int(pace.producers / pace.pause_s * body_rows * (2 * seconds + 30))


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.faults",
        description="Play faults under load and prove that nothing is lost or doubled.",
    )
    parser.add_argument(
        "--only", action="append", choices=list(SCENARIOS), metavar="NAME", help="repeatable"
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


if __name__ == "__main__":
    sys.exit(main())
