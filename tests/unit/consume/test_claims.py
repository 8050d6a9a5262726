"""What goes with a commit: how far all is stored, and how many rows a message has."""

import pytest

from utility_ts_analytics.consume.claims import Claim, Progress


@pytest.mark.parametrize(
    "progress", [Progress(), Progress(1_700_000_000_123), Progress(5, 0.0), Progress(5, 1234.25)]
)
def test_progress_is_read_as_it_was_written(progress: Progress) -> None:
    assert Progress.parse(progress.text()) == progress


@pytest.mark.parametrize("text", [None, "", "somebody's", "x 1.0", "-5 1.0"])
def test_of_a_commit_of_others_nothing_is_known(text: str | None) -> None:
    assert Progress.parse(text) == Progress()


@pytest.mark.parametrize("rows", ["", "nan", "1.2.3", "-1"])
def test_a_broken_mean_is_none(rows: str) -> None:
    assert Progress.parse(f"7 {rows}") == Progress(7)


def test_a_new_claim_knows_no_rows() -> None:
    assert Claim(0).progress == Progress()


def test_mean_is_of_the_last_messages() -> None:
    claim = Claim(0)
    claim.note_rows(500, 1)
    claim.note_rows(100, 1)
    assert claim.progress.rows_per_message == 300
    for _ in range(3_000):
        claim.note_rows(2, 1)
    assert claim.progress.rows_per_message == pytest.approx(2, abs=0.01)
    for _ in range(300):
        claim.note_rows(0, 10)
    assert claim.progress.rows_per_message == pytest.approx(0, abs=0.01)
