"""A note reaches the supervisor once, whole, and tells which worker it is about."""

from pathlib import Path

from utility_ts_analytics.service.stuck_notes import note_stuck, take_stuck


def test_notes_are_taken_once(tmp_path: Path) -> None:
    assert take_stuck(tmp_path) == {}
    note_stuck(tmp_path, (10, 11), "it does not listen")
    note_stuck(tmp_path, (10, 12), "first")
    note_stuck(tmp_path, (10, 12), "again")
    assert take_stuck(tmp_path) == {(10, 11): "it does not listen", (10, 12): "again"}
    assert take_stuck(tmp_path) == {}


def test_note_that_is_being_written_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "10.11.new").write_text("it do")
    assert take_stuck(tmp_path) == {}
