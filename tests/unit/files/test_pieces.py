"""Notes of a source."""

from utility_ts_analytics.files.pieces import add_note


def test_what_never_happened_is_not_there() -> None:
    notes: dict[str, int] = {}
    for count in (0, 2, 0, 3):
        add_note(notes, "rows-left-out", count)
    add_note(notes, "lines-skipped-at-top")
    add_note(notes, "wide-cells-empty", 0)
    assert notes == {"rows-left-out": 5, "lines-skipped-at-top": 1}
