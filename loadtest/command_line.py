"""Parsers, Markdown tables and the end of the subcommands."""

import argparse
import signal
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import FrameType


def command_parser(name: str, description: str, *, example: str) -> argparse.ArgumentParser:
    """Return the parser of `python -m loadtest NAME`."""
    return argparse.ArgumentParser(
        prog=f"python -m loadtest {name}",
        description=description,
        epilog=f"Example: python -m loadtest {name} {example}",
    )


def add_counts(
    parser: argparse.ArgumentParser, counts: Mapping[str, tuple[int, str]]
) -> argparse.ArgumentParser:
    """Add one option per entry, each a whole number of at least 1, and return the parser."""
    for name, (default, text) in counts.items():
        parser.add_argument(
            f"--{name}", type=count, default=default, metavar="N", help=f"{text} ({default})"
        )
    return parser


def add_repeated(
    parser: argparse.ArgumentParser, options: Mapping[str, tuple[Sequence[int], str]]
) -> None:
    """Add options for whole numbers of at least 1. Their default is None: the help names another.

    Args:
        parser: Gets them.
        options: By name, what the caller takes where the option is not given, and the help text.
    """
    for name, (defaults, text) in options.items():
        shown = ", ".join(map(str, defaults))
        parser.add_argument(
            f"--{name}",
            type=count,
            action="append",
            metavar="N",
            help=f"{text}; may be repeated ({shown})",
        )


def add_choice(parser: argparse.ArgumentParser, names: Iterable[str], what: str) -> None:
    """Add `--only NAME`, which may be repeated, and `--list`."""
    parser.add_argument(
        "--only",
        action="append",
        choices=list(names),
        metavar="NAME",
        help=f"run only this {what}; may be repeated",
    )
    parser.add_argument("--list", action="store_true", help="print the names and exit")


def add_beside(parser: argparse.ArgumentParser) -> None:
    """Add `--beside FOLDER`: another checkout."""
    parser.add_argument(
        "--beside", type=Path, metavar="FOLDER", help="another checkout, to take turns with"
    )


def count(text: str) -> int:
    """Return a whole number of at least 1.

    Raises:
        argparse.ArgumentTypeError: It is none.
    """
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("must be a whole number of at least 1")
    return int(text)


class Table:
    """Columns by heading and width; the first is aligned left, the others right."""

    def __init__(self, *columns: tuple[str, int]) -> None:
        self._columns = columns

    def heading(self) -> str:
        """Return the two lines above the rows."""
        first, *rest = (max(width, len(name)) for name, width in self._columns)
        rules = ["-" * first, *("-" * (width - 1) + ":" for width in rest)]
        return f"{self.row([name for name, _ in self._columns])}\n{self.row(rules)}"

    def row(self, cells: Sequence[str]) -> str:
        """Return one line; there is a cell for each column."""
        first, *rest = (
            cell.ljust(max(width, len(name))) if at == 0 else cell.rjust(max(width, len(name)))
            for at, (cell, (name, width)) in enumerate(zip(cells, self._columns, strict=True))
        )
        return "| " + " | ".join([first, *rest]) + " |"


def exit_on_sigterm() -> None:
    """Leave by an exception on SIGTERM, so that every `with` on the way out ends its part."""

    def leave(number: int, _: FrameType | None) -> None:
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, leave)
