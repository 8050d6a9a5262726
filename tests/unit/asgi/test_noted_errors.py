"""One note for each request that did not go well: the first bad row, or else what ended it."""

from utility_ts_analytics.asgi.noted_errors import note_error
from utility_ts_analytics.clock import ManualClock
from utility_ts_analytics.errors import Overloaded
from utility_ts_analytics.records.validation import RowError
from utility_ts_analytics.telemetry.error_notes import ErrorNote, error_notes
from utility_ts_analytics.telemetry.measures import Measures

ROWS = [RowError(3, "invalid-number", "kwh", "x"), RowError(4, "invalid-json", None, "x")]


def noted(rows: list[RowError], error: Overloaded | None) -> list[tuple[str, int, str]]:
    measures = Measures()
    note_error(measures, rows, error, ManualClock(1.0))
    notes: list[ErrorNote] = list(error_notes(measures.words))
    return [(note.code, note.position, note.field) for note in notes]


def test_first_bad_row_comes_before_what_ended_the_request() -> None:
    assert noted(ROWS, Overloaded("full", 1)) == [("invalid-number", 3, "kwh")]
    assert noted(ROWS[1:], None) == [("invalid-json", 4, "")]


def test_refused_request_is_noted_by_its_code_and_a_good_one_not_at_all() -> None:
    assert noted([], Overloaded("full", 1)) == [("overloaded", -1, "")]
    assert noted([], None) == []
