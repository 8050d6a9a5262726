"""`python -m loadtest bench`: measures each part of the data path and compares with a baseline."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from loadtest.bench.baseline import (
    COMMON,
    OWN,
    Baseline,
    Change,
    compare,
    load_baseline,
    regressed,
    save_baseline,
)
from loadtest.bench.figures import FOLDER, Figures, Result, heading, notes, result_of, save, table
from loadtest.bench.suite import BENCHES, Bench, Suite
from loadtest.command_line import add_choice, command_parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the chosen benches and return the exit code."""
    options = _parse(arguments)
    benches = [
        bench
        for bench in BENCHES.values()
        if bench.name in (options.only or BENCHES)
        and (bench.place == "process" or not options.no_database)
    ]
    if options.list:
        for bench in benches:
            print(f"{bench.name:16} {bench.question}")
        return 0
    try:
        return _measure(benches, options)
    except (RuntimeError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2


def _measure(benches: Sequence[Bench], options: argparse.Namespace) -> int:
    baseline = _baseline(options)
    with Suite(quick=options.quick) as suite:
        figures: list[Figures] = []
        missing: list[str] = []
        for bench, case in [(one, case) for one in benches for case in one.cases]:
            one = suite.run_case(bench, case)
            if one is None:
                missing.append(f"NOT MEASURED: {bench.name} {case}".rstrip())
                continue
            figures.append(one)
            print(f"{one.key}: {one.rows_per_s:,.0f} rows/s, ratio {one.ratio:.3f}", flush=True)
        result = result_of(figures, quick=options.quick)
        if baseline is not None:
            result = _measured_again(suite, result, baseline)
    changes = {} if baseline is None else compare(result, baseline)
    _print_report(result, changes)
    print(f"kept in {save(result, options.out)}")
    if missing:
        print("\n".join(missing))
        return 2
    if options.save_baseline is not None:
        save_baseline(result, options.save_baseline)
        print(f"baseline saved in {options.save_baseline}")
        return 0
    return 1 if regressed(changes) else 0


def _measured_again(suite: Suite, result: Result, baseline: Baseline) -> Result:
    """Measure worse cases once more, and keep the better of both."""
    suspects = set(regressed(compare(result, baseline)))
    figures: list[Figures] = []
    for one in result.figures:
        if one.key in suspects:
            print(f"{one.key} seems worse than the baseline: measuring it again", flush=True)
            again = suite.run_case(BENCHES[one.bench], one.case)
            # Noise only ever makes a case worse.
            one = max(one, again or one, key=lambda it: it.ratio)
        figures.append(one)
    return result_of(figures, quick=result.quick)


def _print_report(result: Result, changes: Mapping[str, Change]) -> None:
    told = {key: str(change) for key, change in changes.items()}
    print(f"\n{heading(result)}\n\n{table(result.figures, told)}\n\n{notes(result.figures)}")
    for key in regressed(changes):
        for text in changes[key].regressions:
            print(f"WORSE: {key}: {text}")


def _baseline(options: argparse.Namespace) -> Baseline | None:
    """Return the baseline to compare with; None while a new one is saved."""
    if options.save_baseline is not None:
        return None
    path = options.baseline or next((it for it in (OWN, COMMON) if it.exists()), None)
    if path is None:
        return None
    print(f"compared with {path.name}")
    return load_baseline(path)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = command_parser(
        "bench",
        "Measure each part of the path of a reading, in turns with a fixed reference; print one"
        " table and keep all figures as JSON. Exit code 0: no figure is worse than the baseline's;"
        " 1: one is, twice in a row; 2: a case could not be measured.",
        example="--no-database --only event_id",
    )
    add_choice(parser, BENCHES, "bench")
    add = parser.add_argument
    add("--no-database", action="store_true", help="only benches that need no QuestDB")
    add("--quick", action="store_true", help="only show that everything runs, in a minute")
    add("--baseline", type=Path, metavar="FILE", help="baseline to compare with")
    add(
        "--save-baseline",
        type=Path,
        nargs="?",
        const=OWN,
        metavar="FILE",
        help="keep this run as the baseline of later ones; compare with nothing",
    )
    add("--out", type=Path, default=FOLDER, metavar="FOLDER", help="for the JSON (bench/runs)")
    return parser.parse_args(arguments)
