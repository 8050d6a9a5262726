"""Asks `Analysis` about the rows of a real QuestDB; answers as tuples."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tests.unit.analysis.live_sources import sources
from tests.unit.queries.query_rig import Database

from utility_ts_analytics.analysis.engine import Analysis, Value
from utility_ts_analytics.queries.time_range import TimeRange

BERLIN = "Europe/Berlin"
SAMPLE_WEEK = TimeRange(datetime(2024, 6, 3, tzinfo=UTC), datetime(2024, 6, 10, tzinfo=UTC))
Row = tuple[Any, ...]


def analysis(database: Database, period: TimeRange, **given: Any) -> Analysis:
    """Questions about the rows that the database holds now.

    Args:
        database: Whose.
        period: Of the questions.
        given: Tariff, heads, ratings, meters, as `Analysis` takes them.
    """
    return Analysis(sources(database), period, memory_mib=512, **given)


def rows(asked: Analysis, question: str, *columns: str, **parameters: Value) -> list[Row]:
    """The answer, or these columns of it, in its order; times are aware, days are dates."""
    then = f"SELECT {', '.join(columns)} FROM answer" if columns else "FROM answer"
    table = asked.ask(question, then=then, **parameters)
    return [tuple(row.values()) for row in table.to_pylist()]


def ask(
    database: Database,
    question: str,
    period: TimeRange,
    *columns: str,
    given: Mapping[str, Any] | None = None,
    **parameters: Value,
) -> list[Row]:
    """One question alone; see `analysis` and `rows`."""
    with analysis(database, period, **(given or {})) as asked:
        return rows(asked, question, *columns, **parameters)
