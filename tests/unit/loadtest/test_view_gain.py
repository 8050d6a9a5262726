"""Readings and views give the same answers to the questions that are timed."""

import pytest
from loadtest.view_gain import main


@pytest.mark.questdb
def test_small_month_answers_alike_from_readings_and_views(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--meters", "220", "--days", "3", "--feeders", "4"]) == 0
    printed = capsys.readouterr().out
    assert "63,297 rows" in printed
    assert "| demand of each feeder and day |" in printed
    assert "different" not in printed
