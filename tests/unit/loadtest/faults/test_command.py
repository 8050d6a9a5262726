"""The command line of the fault suite; tests/faults plays what it plays."""

from dataclasses import replace

import pytest
from loadtest.books import Books
from loadtest.faults.command import TABLE, main, row
from loadtest.faults.kafka_scenarios import KAFKA_SCENARIOS
from loadtest.faults.scenario import Report
from loadtest.faults.scenarios import SCENARIOS
from loadtest.faults.sequences import NAMED


def test_list_names_every_scenario_and_sequence_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    assert capsys.readouterr().out.split() == [*SCENARIOS, *NAMED, *KAFKA_SCENARIOS]
    assert SCENARIOS.keys().isdisjoint([*NAMED, *KAFKA_SCENARIOS])


REPORT = Report(
    name="questdb-killed",
    books=Books(
        acknowledged=1200, versions=50, undone=6, stored=1300, lost=1, doubled=2, wrong=3, unsent=4
    ),
    retries=5,
    answers={"200": 6},
    answered_in_fault=7,
    slowest_s=8.04,
    recovery_s=1.25,
    failures=[],
)


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_row_has_a_cell_for_each_column_and_no_value_counts_twice() -> None:
    names, rules = TABLE.heading().splitlines()
    assert cells(row(REPORT)) == [
        "questdb-killed", "1200", "1300", "1", "2", "7", "50", "6", "5", "7", "8.0", "1.2"
    ]  # fmt: skip
    assert len(cells(names)) == len(cells(rules)) == 12
    assert len(row(REPORT)) == len(names) == len(rules)


def test_run_without_books_or_recovery_says_so() -> None:
    broken = replace(REPORT, books=None, recovery_s=None)
    assert cells(row(broken)) == ["questdb-killed", *["-"] * 7, "5", "7", "8.0", "-"]
