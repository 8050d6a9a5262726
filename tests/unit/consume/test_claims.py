"""What goes with a commit: how far all is stored, and how many rows a message has."""

import pytest

from utility_ts_analytics.consume.claims import Claim, Progress


@pytest.mark.parametrize(
    "progress",
    [Progress(), Progress(1_700_000_000_123), Progress(5, 1234.25, "id", lost=3, lost_ms=7)],
)
def test_progress_is_read_as_it_was_written(progress: Progress) -> None:
    assert Progress.parse(progress.text()) == progress


@pytest.mark.parametrize("text", [None, "", "somebody's", "7", '{"lost":"many"}'])
def test_of_a_commit_of_others_nothing_is_known(text: str | None) -> None:
    assert Progress.parse(text) == Progress()


def test_a_new_claim_knows_no_rows() -> None:
    assert Claim(0).progress == Progress()


def test_a_claim_goes_on_from_what_was_committed() -> None:
    known = Progress(5, 1234.25, "id", lost=3, lost_ms=7)
    claim = Claim(0, 2, known)
    assert claim.progress == known
    claim.until_ms = 9
    claim.note_rows(4, 2)
    assert claim.progress == Progress(9, 2.0, "id", lost=3, lost_ms=7)


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
