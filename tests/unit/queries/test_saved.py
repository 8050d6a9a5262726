"""A saved query is a file that people read first and run then."""

import pytest

from utility_ts_analytics.queries.saved import SavedQuery, notes_of


def builder(limit: int) -> str:
    """Return the query.

    Result columns:

    - `n`: a number, kWh.

    Args:
        limit: No part of the answer.

    Raises:
        ValueError: Never.
    """
    return f"SELECT {limit} AS n"


def test_notes_are_what_stands_between_first_line_and_arguments() -> None:
    assert notes_of(builder) == "Result columns:\n\n- `n`: a number, kWh."


def test_builder_without_docstring_has_no_notes() -> None:
    assert notes_of(lambda: "SELECT 1") == ""


def test_file_has_question_notes_and_statement() -> None:
    query = SavedQuery("one", "How many?", builder(1), notes_of(builder))

    assert query.file_text() == (
        "-- How many?\n--\n-- Result columns:\n--\n-- - `n`: a number, kWh.\n\nSELECT 1 AS n;\n"
    )


def test_every_line_of_the_header_is_a_comment() -> None:
    """Also where notes hold line ends other than a newline."""
    text = SavedQuery("one", "How many?", "SELECT 1", "a\r\nDROP TABLE x\rDROP TABLE y").file_text()

    header, _, statement = text.partition("\n\n")
    assert statement == "SELECT 1;\n"
    assert all(line.startswith("--") for line in header.splitlines())


@pytest.mark.parametrize("name", ["", "A", "a-b", "a/b", "../a", "1a", "a.sql", "a" * 64])
def test_name_that_is_no_plain_file_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot save a query as"):
        SavedQuery(name, "How many?", "SELECT 1")


@pytest.mark.parametrize("question", ["", "How many", "How\nmany?"])
def test_question_that_is_none_is_refused(question: str) -> None:
    with pytest.raises(ValueError, match="must be one line"):
        SavedQuery("one", question, "SELECT 1")
