"""Coverage-guided fuzzing of what reads bytes from outside, and of what writes to QuestDB.

    python -m loadtest.fuzz [--only NAME]... [--seconds 60] [--seed 1] [--keep] [--list]

Every target runs for so many seconds in a process of its own and prints one row. Exit code 0:
nothing was found; 1: something was, and each input is printed in base64, ready for a line of
`loadtest/fuzz/corpus/NAME.txt`, from which `tests/unit/loadtest/fuzz` plays it from then on.
Needs atheris: `pip install -r requirements/fuzz.txt`.
"""

import argparse
import base64
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from loadtest.fuzz.catalogue import TARGETS, keep
from loadtest.fuzz.run import fuzz, heading, least_inputs
from loadtest.options import add_counts

KEPT_BYTES_MAX = 8_000
"""Of the inputs that `--keep` leaves for one target."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz what was asked for and return the exit code."""
    options = _parse(arguments)
    if options.list:
        print("\n".join(TARGETS))
        return 0
    failed = False
    print(heading(), flush=True)
    for name in options.only or TARGETS:
        with tempfile.TemporaryDirectory(prefix="fuzz-") as directory:
            report = fuzz(name, Path(directory), seconds=options.seconds, seed=options.seed)
            print(report.row(), flush=True)
            if report.failed:
                print(report.output)
                for data in report.findings:
                    print(f"finding: {base64.b64encode(data).decode()}", flush=True)
                failed = True
            elif options.keep:
                keep(name, least_inputs(name, Path(directory)), bytes_max=KEPT_BYTES_MAX)
    return 1 if failed else 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.fuzz",
        description="Fuzz what reads bytes from outside and what writes to QuestDB.",
    )
    parser.add_argument(
        "--only", action="append", choices=list(TARGETS), metavar="NAME", help="repeatable"
    )
    add_counts(parser, {"seconds": (60, "for each target"), "seed": (1, "of the fuzzer")})
    parser.add_argument("--keep", action="store_true", help="keep few inputs that reach the most")
    parser.add_argument("--list", action="store_true", help="print the names and do nothing else")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
