"""One note and one line for each request that did not go well: which code, line and field."""

import pytest
import structlog
from structlog.testing import capture_logs

from utility_ts_analytics.asgi.noted_errors import AnsweredRequest, report
from utility_ts_analytics.clock import ManualClock
from utility_ts_analytics.errors import ClientError, InternalError, Overloaded
from utility_ts_analytics.reading.summary import ReadSummary
from utility_ts_analytics.records.validation import RowError
from utility_ts_analytics.telemetry.error_notes import error_notes
from utility_ts_analytics.telemetry.measures import Measures

ROWS = [RowError(3, "invalid-number", "kwh", "x"), RowError(4, "invalid-json", None, "x")]


def reported(
    rows: list[RowError], error: ClientError | None
) -> tuple[list[tuple[str, int, str]], list[structlog.typing.EventDict]]:
    measures, summary = Measures(), ReadSummary()
    summary.add_errors(rows)
    with capture_logs() as lines:
        request = AnsweredRequest("meter_usage", "r1", 7, summary)
        report(request, error, measures, ManualClock(1.0))
    notes = [(note.code, note.position, note.field) for note in error_notes(measures.words)]
    return notes, list(lines)


def test_good_request_leaves_nothing() -> None:
    assert reported([], None) == ([], [])


def test_first_bad_row_is_noted_and_one_line_has_the_counts() -> None:
    notes, [line] = reported(ROWS, None)
    assert notes == [("invalid-number", 3, "kwh")]
    assert line["event"] == "lines were refused"
    assert (line["request_id"], line["accepted"], line["parse_errors"]) == ("r1", 7, 2)
    assert line["first_error"] == {"code": "invalid-number", "position": 3, "field": "kwh"}


@pytest.mark.parametrize("rows", [[], ROWS])
def test_refused_request_is_one_line_with_its_status(rows: list[RowError]) -> None:
    notes, [line] = reported(rows, Overloaded("full", 1))
    assert (line["event"], line["status"], line["code"]) == ("request refused", 429, "overloaded")
    assert notes == [("invalid-number", 3, "kwh") if rows else ("overloaded", -1, "")]


def test_fault_of_ours_is_noted_and_not_logged_a_second_time() -> None:
    assert reported([], InternalError("see the log")) == ([("internal-error", -1, "")], [])
