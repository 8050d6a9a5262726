"""The last errors survive the way through the file, and say nothing more than where."""

from utility_ts_analytics.telemetry.error_notes import CODES, ErrorNote, ErrorNotes, error_notes
from utility_ts_analytics.telemetry.layout import ERRORS_KEPT, WORDS, new_words


def test_every_code_is_read_back() -> None:
    for code in CODES:
        words = new_words()
        ErrorNotes(words).add(ErrorNote(1, code, 17, "kwh"))
        assert list(error_notes(words)) == [ErrorNote(1, code, 17, "kwh")]


def test_longest_field_names_and_none() -> None:
    words = new_words()
    notes = ErrorNotes(words)
    for field in ("", "source_system", "x" * 16):
        notes.add(ErrorNote(5, "overloaded", -1, field))
    assert [note.field for note in error_notes(words)] == ["", "source_system", "x" * 16]
    notes.add(ErrorNote(5, "overloaded", -1, "y" * 17))
    assert {note.field for note in error_notes(words)} >= {"y" * 16}


def test_only_the_last_ones_are_kept_and_nothing_behind_them_is_touched() -> None:
    words = new_words()
    notes = ErrorNotes(words)
    for number in range(1, ERRORS_KEPT + 4):
        notes.add(ErrorNote(number, "invalid-json", number))
    assert sorted(note.position for note in error_notes(words)) == list(range(4, ERRORS_KEPT + 4))
    assert len(words) == WORDS
