"""A plain DuckDB connection that has the macros, in a zone that nobody's readings are in."""

from functools import cache
from importlib.resources import files
from typing import Any

import duckdb

MACROS = files("utility_ts_analytics.files.mapping").joinpath("macros.sql")


@cache
def connection() -> duckdb.DuckDBPyConnection:
    """The session's zone must not matter, so it is one with a change of its own."""
    made = duckdb.connect(":memory:", config={"threads": 2})
    made.execute(MACROS.read_text("utf-8"))
    made.execute("SET TimeZone = 'America/Asuncion'")
    return made


def rows(query: str, parameters: Any = None) -> list[tuple[Any, ...]]:
    return connection().execute(query, parameters).fetchall()


def value(expression: str, *parameters: Any) -> Any:
    """Return the value of an expression whose parameters (`?`) are columns, not constants."""
    count = len(parameters)
    names = ", ".join(f"p{index}" for index in range(count)) or "p"
    for index in range(count):
        expression = expression.replace("?", f"p{index}", 1)
    places = ", ".join("?" * count) or "0"
    return rows(f"SELECT {expression} FROM (VALUES ({places})) AS t({names})", parameters)[0][0]


def texts(query: str) -> list[str]:
    """Return the rows as texts, times in UTC and numbers without zeros at the end."""
    cursor = connection().cursor()
    cursor.execute("SET TimeZone = 'UTC'")
    described = cursor.execute(query).description or []
    shown = ", ".join(
        f"rtrim(rtrim(c{index}::VARCHAR, '0'), '.')"
        if str(kind).startswith("DECIMAL")
        else f"c{index}::VARCHAR"
        for index, (_, kind, *_) in enumerate(described)
    )
    names = ", ".join(f"c{index}" for index in range(len(described)))
    found = cursor.execute(f"SELECT {shown} FROM ({query}) AS t({names})").fetchall()
    return [" | ".join("NULL" if cell is None else cell for cell in row) for row in found]
