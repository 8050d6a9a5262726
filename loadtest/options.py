"""Command-line options that are all counts."""

import argparse
from collections.abc import Mapping


def add_counts(
    parser: argparse.ArgumentParser, counts: Mapping[str, tuple[int, str]]
) -> argparse.ArgumentParser:
    """Add one option per entry, each a whole number of at least 1.

    Args:
        parser: Changed in place and returned.
        counts: The name without dashes in front, its default and its help.
    """
    for name, (default, text) in counts.items():
        parser.add_argument(
            f"--{name}", type=_count, default=default, metavar="N", help=f"{text} ({default})"
        )
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("must be a whole number of at least 1")
    return int(text)
