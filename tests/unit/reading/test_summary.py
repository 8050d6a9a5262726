"""The account of a request: everything is counted, the first hundred errors are listed."""

from hypothesis import given
from hypothesis import strategies as st

from utility_ts_analytics.reading.ndjson import Decoded
from utility_ts_analytics.reading.summary import ERRORS_LISTED_MAX, ReadSummary
from utility_ts_analytics.records.validation import PARSE_CODES, RULE_CODES, RowCode, RowError

CODES: tuple[RowCode, ...] = (
    "invalid-json",
    "missing-field",
    "line-too-long",
    "negative-value",
    "sink-rejected",
)


def error(position: int, code: RowCode = "invalid-json") -> RowError:
    return RowError(position, code, None, "why")


def decoded(*errors: RowError) -> Decoded:
    return Decoded((), (), errors, len(errors), 0)


def test_new_account_is_empty() -> None:
    summary = ReadSummary()
    assert (summary.lines, summary.valid_rows, summary.parse_errors, summary.rejected) == (0,) * 4
    assert (summary.errors, summary.errors_truncated) == ((), False)


def test_parse_errors_and_broken_rules_are_counted_apart() -> None:
    summary = ReadSummary()
    summary.add(decoded(error(1), error(2, "negative-value"), error(3, "wrong-type")))
    assert (summary.lines, summary.parse_errors, summary.rejected) == (3, 2, 1)
    assert summary.counts == {"invalid-json": 1, "negative-value": 1, "wrong-type": 1}


def test_rows_the_database_refused_count_as_rejected_but_not_as_further_lines() -> None:
    summary = ReadSummary()
    summary.add(decoded(error(1), error(9)))
    summary.add_errors([error(5, "sink-rejected")])
    assert (summary.lines, summary.parse_errors, summary.rejected) == (2, 2, 1)
    assert [e.position for e in summary.errors] == [1, 5, 9]


def test_error_101_is_counted_but_not_listed() -> None:
    summary = ReadSummary()
    summary.add(decoded(*map(error, range(1, 101))))
    truncated = [summary.errors_truncated]
    summary.add(decoded(error(101)))
    assert [*truncated, summary.errors_truncated] == [False, True]
    assert [e.position for e in summary.errors] == list(range(1, 101))
    assert summary.parse_errors == 101


def test_late_error_of_an_early_line_takes_the_place_of_the_last_listed() -> None:
    summary = ReadSummary()
    summary.add(decoded(*map(error, range(2, 102))))
    summary.add_errors([error(1, "sink-rejected")])
    assert [e.position for e in summary.errors] == list(range(1, 101))
    assert summary.errors_truncated


@given(
    st.lists(
        st.lists(st.tuples(st.integers(1, 500), st.sampled_from(CODES)), max_size=60), max_size=6
    )
)
def test_account_is_that_of_all_errors_together(parts: list[list[tuple[int, RowCode]]]) -> None:
    summary = ReadSummary()
    for part in parts:
        summary.add_errors([error(*item) for item in part])
    everything = [item for part in parts for item in part]
    listed = sorted(position for position, _ in everything)[:ERRORS_LISTED_MAX]
    assert [e.position for e in summary.errors] == listed
    assert summary.parse_errors == sum(code in PARSE_CODES for _, code in everything)
    assert summary.rejected == sum(code in RULE_CODES for _, code in everything)
    assert summary.errors_truncated == (len(everything) > ERRORS_LISTED_MAX)
