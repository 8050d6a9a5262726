"""Figures and results as the suite makes them, for the tests of what is done with them."""

from datetime import UTC, datetime
from typing import Any

from loadtest.bench.figures import Figures, Memory, Round, figures_of
from loadtest.bench.results import Result

MACHINE: dict[str, str | int] = {"cpu": "a cpu", "cores": 2}


def figures(bench: str = "event_id", case: str = "", **changed: Any) -> Figures:
    ratio = changed.get("ratio", 2.0)
    return figures_of(
        (bench, case),
        [Round(0.02, 0.01, ratio * 0.9), Round(0.01, 0.02, ratio * 1.1)],
        Memory(changed.get("peak_mib", 100.0), changed.get("before_mib", 60.0)),
        rows=1_000,
        size_bytes=170_000,
        ratio=ratio,
        against="calibration",
        extra=changed.get("extra"),
    )


def result(*measured: Figures, **changed: Any) -> Result:
    return Result(
        at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        commit="0123456789abcdef",
        machine=changed.get("machine", MACHINE),
        packages={"msgspec": "0.22.0"},
        quick=changed.get("quick", False),
        figures=list(measured),
    )
