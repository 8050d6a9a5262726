"""What a failed INSERT means: were rows stored, and may they be sent again?

Every error of QuestDB's pgwire has SQLSTATE 00000, so the text decides. Texts of QuestDB 9.3.4;
`tests/contract/test_pgwire_outcomes.py` provokes each on a real server.
"""

import re
from collections.abc import Sequence

from utility_ts_analytics.database.pool import (
    AnswerLate,
    AnswerLost,
    ConnectFailed,
    StatementRefused,
)
from utility_ts_analytics.sinks.contract import InDoubt, Outcome, Rejected, RetryLater

_ROW = ("designated timestamp", "inconvertible value")
"""The value of one row is at fault; the server does not say which row."""

_SCHEMA = ("table does not exist", "Invalid column", "inconvertible types")

_ARGUMENT = re.compile(r"invalid input for query argument \$(\d+)")
"""The client's own check against the column's type; what follows it quotes the value."""

_QUOTED = re.compile(r"(inconvertible value:)(?:.*(?= \[\w+ -> \w+\])|.*)", re.DOTALL)
"""Reasons are logged and answered: the value that QuestDB quotes from the row is left out."""

_REASON_CHARACTERS_MAX = 300


def outcome_of(
    error: ConnectFailed | AnswerLost | StatementRefused, columns: Sequence[str]
) -> Outcome:
    """Classify an error of the connection.

    A refusal whose text is not known is `RetryLater`: it may be the server's trouble rather than
    the row's, and a row must not be given up for that.

    Args:
        error: What the connection raised.
        columns: Of the INSERT, whose arguments are those of any number of rows.
    """
    if isinstance(error, ConnectFailed):
        return RetryLater(str(error))
    if isinstance(error, AnswerLost):
        return InDoubt(str(error), may_come_late=isinstance(error, AnswerLate))
    text = _QUOTED.sub(r"\1 (left out)", error.text)[:_REASON_CHARACTERS_MAX]
    argument = _ARGUMENT.match(text)
    if argument is not None:
        # Values have the types of the schema, so the column has another one.
        column = columns[(int(argument[1]) - 1) % len(columns)]
        reason = f"column {column} has another type than its values"
        return RetryLater(reason, "schema-missing")
    if any(sign in text for sign in _SCHEMA):
        return RetryLater(f"cannot write to the table: {text}", "schema-missing")
    if any(sign in text for sign in _ROW):
        return Rejected(None, text)
    return RetryLater(f"QuestDB refused the rows: {text}")
