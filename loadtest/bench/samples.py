"""The readings that the benches work on: the same ones on every run and machine."""

import subprocess
import sys
from pathlib import Path

_PRODUCER = Path(__file__).parents[2] / "scripts" / "produce_ndjson.py"
_SEED = 1
_METERS = 1000

ODD_LINE = b'{"ts":"2024-01-01T00:00:00Z","meter_id":"a\\u0000","kwh":1}\n'
"""Refused, and its block is looked at text by text."""


def clean_lines(rows: int) -> list[bytes]:
    """Return readings as lines of NDJSON, each with its newline, each with its own key."""
    return _produced(rows, bad_share=0.0)


def dirty_lines(rows: int, bad_share: float) -> list[bytes]:
    """Return the same with about `bad_share` of them replaced by lines of every wrong kind."""
    return _produced(rows, bad_share=bad_share)


def _produced(rows: int, *, bad_share: float) -> list[bytes]:
    options = {"count": rows, "meters": _METERS, "seed": _SEED, "bad-share": bad_share}
    arguments = [f"--{name}={value}" for name, value in options.items()]
    return subprocess.run(  # noqa: S603 - our own interpreter and script
        [sys.executable, str(_PRODUCER), "meter-usage", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
    ).stdout.splitlines(keepends=True)
