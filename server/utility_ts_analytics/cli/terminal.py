"""What several commands print: checks, long lists, a line of progress; files written whole."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

from utility_ts_analytics.errors import EXIT_FAILED, EXIT_OK

if TYPE_CHECKING:
    from utility_ts_analytics.service.monitoring.checks import CheckLine

LINES_SHOWN: Final = 40
"""Lines of one kind on a terminal; `--json` has all."""


def print_json(facts: object) -> None:
    """Print facts for programs."""
    print(json.dumps(facts, indent=2))


def print_checks(lines: "Sequence[CheckLine]", *, as_json: bool) -> int:
    """Print one line per check; return the exit code, 1 if one of them failed."""
    if as_json:
        print_json([{"ok": line.ok, "text": line.text} for line in lines])
    else:
        for line in lines:
            print(f"{'ok  ' if line.ok else 'FAIL'} {line.text}")
    return EXIT_OK if all(line.ok for line in lines) else EXIT_FAILED


def print_some(lines: Sequence[str], *, to: TextIO) -> None:
    """Print the first `LINES_SHOWN` lines, and how many there are more."""
    for line in lines[:LINES_SHOWN]:
        print(line, file=to)
    if len(lines) > LINES_SHOWN:
        print(f"and {len(lines) - LINES_SHOWN:,} more: --json has all", file=to)


@contextmanager
def progress_line() -> Iterator[None]:
    """Clear the line of progress at the end of the block."""
    try:
        yield
    finally:
        if sys.stderr.isatty():
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def show_progress(text: str) -> None:
    """Show `text` in the place of the line before, if standard error is a terminal."""
    if sys.stderr.isatty():
        print(f"\r{text}\x1b[K", end="", file=sys.stderr, flush=True)


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Yield a hidden path beside `path` to write to; the file takes its place at the end.

    Readers of `path` see the old file or the whole new one. Where the block or the write fails,
    nothing is left behind.

    Raises:
        OperatorError: The file cannot be written.
    """
    from utility_ts_analytics.archive.folder import put_in_place, writing

    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with writing(path):
            yield new
            put_in_place(new, path)
    finally:
        new.unlink(missing_ok=True)
