"""What the materialized views have to be, as `sql/views` says it: text -> `ViewSpec`. Pure."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from utility_ts_analytics.database.table_spec import (
    VIEW_DIRECTORIES,
    Statement,
    schema_files,
    split_statements,
)
from utility_ts_analytics.errors import OperatorError

DEFAULT_ZONE = "UTC"
METER_TABLE = "meter_usage"

_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+)*")
_WORDS_BEFORE_NAME = ("CREATE", "MATERIALIZED", "VIEW", "IF", "NOT", "EXISTS")


@dataclass(frozen=True, slots=True)
class ViewSpec:
    """One materialized view.

    Attributes:
        name: As written.
        create_sql: The statement that creates it where there is none of its name.
        query: Words of its query, as `query_words` gives them: two views answer the same if these
            are equal. How often it is refreshed is not in them: that may be altered at will.
    """

    name: str
    create_sql: str
    query: tuple[str, ...]


def views_text(*, meter_table: str = METER_TABLE, zone: str = DEFAULT_ZONE) -> str:
    """Return all files of `sql/views` for one table and zone, each under a line with its name.

    Args:
        meter_table: Table of the stream `meter_usage`; its views are named after it.
        zone: IANA name of the zone whose days are meant. QuestDB says whether it knows it.

    Raises:
        OperatorError: The files are missing, or `zone` cannot be the name of a zone.
    """
    return "\n".join(
        f"-- {name}\n{text}" for name, text in _texts(meter_table=meter_table, zone=zone)
    )


def view_specs(*, meter_table: str = METER_TABLE, zone: str = DEFAULT_ZONE) -> list[ViewSpec]:
    """Return the views of `sql/views` in the order of the files; arguments as `views_text`.

    Raises:
        OperatorError: As `views_text`, or a statement creates no materialized view.
    """
    return [
        _parse_view(statement)
        for name, text in _texts(meter_table=meter_table, zone=zone)
        for statement in split_statements(text, name)
    ]


def query_words(sql: str) -> tuple[str, ...]:
    """Return the words of a view's query, those outside texts in small letters.

    Raises:
        OperatorError: It holds a character that none of our views has.
    """
    return _small(word for statement in split_statements(sql, "view") for word in statement.tokens)


def zone_of(query: Iterable[str]) -> str:
    """Return the zone of the days of a query, given as `query_words`; UTC if it names none."""
    for first, second in pairwise(query):
        if first == "zone":
            return second.strip("'")
    return DEFAULT_ZONE


def _texts(*, meter_table: str, zone: str) -> Iterator[tuple[str, str]]:
    if _ZONE.fullmatch(zone) is None:
        raise OperatorError(f"cannot use {zone!r} as a time zone: give a name like Europe/Berlin")
    for file in schema_files(VIEW_DIRECTORIES):
        text = file.read_text("utf-8").replace("TIME ZONE 'UTC'", f"TIME ZONE '{zone}'")
        # The opening quote is in the words replaced, so that comments stay and the views' names,
        # which begin with the table's, follow it.
        yield file.name, text.replace(f'"{METER_TABLE}', '"' + meter_table.replace('"', '""'))


def _parse_view(statement: Statement) -> ViewSpec:
    words = statement.tokens
    start = len(_WORDS_BEFORE_NAME)
    if tuple(word.upper() for word in words[:start]) != _WORDS_BEFORE_NAME or len(words) == start:
        raise OperatorError(
            f"cannot read {statement.origin}: expected {' '.join(_WORDS_BEFORE_NAME)} and a name"
        )
    upper = [word.upper() for word in words]
    try:
        first = upper.index("AS") + 2  # after the bracket
        end = len(upper) - 1 - upper[::-1].index("PARTITION")
    except ValueError as cause:
        raise OperatorError(
            f"cannot read {statement.origin}: expected AS ( a query ) PARTITION BY"
        ) from cause
    return ViewSpec(words[start], statement.text, _small(words[first : end - 1]))


def _small(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(word if word.startswith("'") else word.lower() for word in words)
