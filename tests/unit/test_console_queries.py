"""The queries of `sql/analysis` on the sample week: what their heads promise, and known figures."""

import re
import urllib.parse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec
import pytest
from tests.process.raw_http import ask

pytestmark = pytest.mark.questdb

FOLDER = Path(__file__).parents[2] / "sql" / "analysis"
FILES = sorted(FOLDER.glob("*.sql"))
FIRST_ROWS: dict[str, Sequence[object]] = {
    "feeder_heads": ("2024-06-03T00:00:00.000000Z", "F1", "SS-1-F1"),
    "generation_by_plant": ("2024-06-03T00:00:00.000000Z", "PLANT-HYDRO", "U1"),
    "highest_readings": ("2024-06-07T07:30:00.000000Z", "M-F2-054", 6.144),
    "latest_readings": ("2024-06-09T23:45:00.000000Z", "M-F1-001", 0.029),
    "load_profile": ("2024-06-03T00:00:00.000000Z", 0.031, 0.124),
    "meters_of_a_feeder": ("M-F1-001", "T-F1-1", "C-F1-001", "active", "residential", "R-1", 1.0),
    "quality_flags": ("2024-06-03T00:00:00.000000Z", "ESTIMATED", 174),
    "readings_by_hour": ("2024-06-03T00:00:00.000000Z", 800, 200, 11),
    "stored_days": ("2024-06-03", 19_196),
}
ROWS = {
    "feeder_heads": 72,
    "generation_by_plant": 21,
    "highest_readings": 20,
    "latest_readings": 200,
    "load_profile": 672,
    "meters_of_a_feeder": 100,
    "odd_balances": 0,
    "quality_flags": 14,
    "readings_by_hour": 24,
    "stored_balances": 0,
    "stored_days": 7,
}


class Database(Protocol):
    """What these tests ask of the `sample_questdb` fixture."""

    @property
    def http_port(self) -> int: ...


def answer(database: Database, path: Path) -> tuple[list[str], list[list[Any]]]:
    statement = re.sub(r"--[^\n]*", "", path.read_text()).strip().removesuffix(";")
    reply = ask(database.http_port, f"/exec?query={urllib.parse.quote(statement)}")
    assert reply.status == 200, reply
    found = msgspec.json.decode(reply.body)
    return [column["name"] for column in found["columns"]], found["dataset"]


def promised(path: Path) -> list[str]:
    """The columns that the head names, in its order: words before a double blank or the end."""
    lines = [line for line in path.read_text().splitlines() if line.startswith("--   ")]
    named = [re.split(r"  +|; | +\(", line.removeprefix("--   "))[0] for line in lines]
    return [
        name for names in named if re.fullmatch(r"[a-z_, ]+", names) for name in names.split(", ")
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_columns_are_those_that_the_head_explains(sample_questdb: Database, path: Path) -> None:
    columns, rows = answer(sample_questdb, path)
    assert columns == promised(path)
    assert len(rows) == ROWS[path.stem]


@pytest.mark.parametrize("name", sorted(FIRST_ROWS))
def test_first_row_has_the_figures_of_the_sample(sample_questdb: Database, name: str) -> None:
    _, rows = answer(sample_questdb, FOLDER / f"{name}.sql")
    wanted = FIRST_ROWS[name]
    assert rows[0][: len(wanted)] == list(wanted)


def test_readme_lists_every_file_with_its_question() -> None:
    readme = (FOLDER / "README.md").read_text()
    listed = re.findall(r"^\| \[(\w+)\]\(\1\.sql\) \| .+\? \|$", readme, re.MULTILINE)
    assert sorted(listed) == [path.stem for path in FILES]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_file_begins_with_its_question(path: Path) -> None:
    first, second = path.read_text().splitlines()[:2]
    assert first.startswith("-- ")
    assert (first[-1], second) == ("?", "--")
