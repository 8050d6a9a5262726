"""The cases below `tests/cases`: a file as the field has it, its mapping, and the rows it holds."""

import csv
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.process.stored_tables import Row, Value

CASES = Path(__file__).parents[1] / "cases"
PROJECT = CASES.parents[1]
NUMBERS = frozenset(("kwh", "kvarh", "kva_demand", "mw", "mvar"))
OWN_FILES = frozenset(("case.md", "case.toml", "expected.csv", "mapping.sql"))


@dataclass(frozen=True, slots=True)
class Case:
    """One case, as its `case.toml` says it; `case.md` has the reasons.

    Attributes:
        name: Of its folders.
        folder: Of the case.
        stream: Target stream.
        mapping: The mapping; None where the file needs none.
        inputs: Files to load, sorted.
        allow_negative: Whether the stream takes negative values.
        accepted: Rows that pass the rules; more than are stored where a key comes again.
        refused: Refused rows.
        left_out: Records that gave no reading and are no fault.
        conflicts: Rows that a later one of the same load replaced with other values.
        exit_code: Of the load.
        lines: Lines at which rows are refused.
        named: Texts that the load must tell.
        skipped: Files of an archive that are named as no readings.
    """

    name: str
    folder: Path
    stream: str
    mapping: Path | None
    inputs: Sequence[Path]
    allow_negative: bool
    accepted: int
    refused: int
    left_out: int
    conflicts: int
    exit_code: int
    lines: Sequence[int]
    named: Sequence[str]
    skipped: Sequence[str]

    def expected(self) -> list[Row]:
        """Return the rows that must be stored, by time and the other columns."""
        with (self.folder / "expected.csv").open(encoding="utf-8", newline="") as file:
            return in_order([_typed(row) for row in csv.DictReader(file)])

    def arguments(self) -> list[str]:
        """Return files and mapping, as the command takes them."""
        mapping = [] if self.mapping is None else ["--mapping", str(self.mapping)]
        return [*map(str, self.inputs), *mapping]


def all_cases() -> list[Case]:
    """Return all cases in the order of their names."""
    return [_case(path.parent) for path in sorted(CASES.glob("*/*/case.toml"))]


def in_order(rows: Sequence[Row]) -> list[Row]:
    """Return rows sorted by everything they hold."""
    return sorted(rows, key=lambda row: [str(value) for value in row.values()])


def _case(folder: Path) -> Case:
    facts = tomllib.loads((folder / "case.toml").read_text(encoding="utf-8"))
    source = PROJECT / facts.pop("input") if "input" in facts else folder
    mapping = facts.pop("mapping", None)
    if mapping is not None:
        mapping = PROJECT / mapping if "/" in mapping else folder / mapping
    inputs = [source] if source.is_file() else _files_of(source)
    expected = len((folder / "expected.csv").read_text(encoding="utf-8").splitlines()) - 1
    return Case(
        name="/".join(folder.parts[-2:]),
        folder=folder,
        stream=facts.pop("stream"),
        mapping=mapping,
        inputs=inputs,
        allow_negative=facts.pop("allow_negative", False),
        accepted=facts.pop("accepted", expected),
        **{name: facts.pop(name, 0) for name in ("refused", "left_out", "conflicts", "exit_code")},
        **{name: facts.pop(name, ()) for name in ("lines", "named", "skipped")},
        **facts,
    )


def _files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.name not in OWN_FILES)


def _typed(row: Mapping[str, str]) -> Row:
    """Return a row of `expected.csv` as QuestDB answers it."""
    typed: dict[str, Value] = {}
    for name, text in row.items():
        if not text:
            typed[name] = None
        elif name == "ts":
            instant = datetime.fromisoformat(text).astimezone(UTC)
            typed[name] = instant.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        else:
            typed[name] = float(text) if name in NUMBERS else text
    return typed
