"""The table of the fault suite, line by line."""

from dataclasses import replace

from loadtest.faults.books import Books
from loadtest.faults.report import (
    heading,
    row,
    sequence_heading,
    sequence_row,
    sequence_summary,
)
from loadtest.faults.scenario import Report
from loadtest.faults.sequences import FaultSequence, Outcome, service

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
    names, rules = heading().splitlines()
    assert cells(row(REPORT)) == [
        "questdb-killed", "1200", "1300", "1", "2", "7", "50", "6", "5", "7", "8.0", "1.2"
    ]  # fmt: skip
    assert len(cells(names)) == len(cells(rules)) == 12
    assert len(row(REPORT)) == len(names) == len(rules)


def test_run_without_books_or_recovery_says_so() -> None:
    broken = replace(REPORT, books=None, recovery_s=None)
    assert cells(row(broken)) == ["questdb-killed", *["-"] * 7, "5", "7", "8.0", "-"]


def test_sequence_has_a_cell_for_each_column_and_all_are_summed_up() -> None:
    outcome = Outcome(
        FaultSequence("seed 7", service(2, 1, spooling=True), ("post all", "reload"), 3, 20),
        Books(keys=60, versions=900, undone=1, lost=2, doubled=3, wrong=4, unsent=5),
    )
    names, rules = sequence_heading().splitlines()
    line = sequence_row(outcome)
    assert cells(line) == ["seed 7", "2", "1", "yes", "2", "60", "900", "1", "2", "12"]
    assert len(line) == len(names) == len(rules)
    assert sequence_summary([outcome, outcome]) == (
        "2 sequences of faults, 120 readings, 1800 versions acknowledged, 2 undone"
    )
