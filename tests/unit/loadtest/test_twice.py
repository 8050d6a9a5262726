"""The verdict over posted and stored readings fails for any count that disagrees."""

from dataclasses import replace

import pytest
from loadtest.books import Books
from loadtest.twice import report

GOOD = Books(acknowledged=2, stored=2)


def test_equal_counts_and_right_answers_pass(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(GOOD, [], table_rows=2) == 0
    assert "every reading is stored once" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("books", "faults", "table_rows"),
    [
        (GOOD, [], 3),
        (GOOD, ["pass 1, status 500"], 2),
        (replace(GOOD, acknowledged=3), [], 2),
        (replace(GOOD, stored=3), [], 3),
        (replace(GOOD, wrong=1, findings=["this row"]), [], 2),
        (replace(GOOD, lost=1), [], 2),
        (replace(GOOD, doubled=1), [], 2),
        (replace(GOOD, unsent=1), [], 2),
    ],
)
def test_anything_that_disagrees_fails(books: Books, faults: list[str], table_rows: int) -> None:
    assert report(books, faults, table_rows=table_rows) == 1
