"""Which table a request to `/write` goes to: the one that is meant, or another of its name. Pure.

A 204 does not say. QuestDB answers it to rows of a table that was dropped while the connection was
open, and, where `line.auto.create.new.tables` is on, to rows for which it made a table itself: with
texts for ids and without DEDUP. So the table is looked at before the first request of a connection
and after each commit, over the same connection and thus on the same server: rows count as stored
only if it is still the same one (docs/decisions/0029-which-table-took-the-rows.md).
"""

from urllib.parse import urlencode

from utility_ts_analytics.database.http_access import HttpAccess
from utility_ts_analytics.sinks.contract import RetryLater
from utility_ts_analytics.sinks.ilp.http_exchange import Answer

_OK = 200
_RIGHT = ',"ts",true,true]]'
"""How the one row of the answer ends if the table can take readings: see `_SQL`."""

_SQL = (
    "SELECT id, designatedTimestamp, walEnabled, dedup FROM tables() WHERE lower(table_name) = '{}'"
)
"""No two tables of one server have the same id, whether they exist or not."""


def look_request(addr: str, table: str, access: HttpAccess) -> bytes:
    """Return the request that asks for a table.

    Args:
        addr: `host:port` of QuestDB's HTTP server.
        table: Its name; QuestDB allows no quote in one.
        access: TLS and login.
    """
    query = urlencode({"query": _SQL.format(table.lower()), "nm": "true"})
    return f"{access.head('GET', f'/exec?{query}', addr)}\r\n".encode()


def refusal_of(seen: Answer, table: str) -> RetryLater | None:
    """Return why rows must not be sent to the table that `seen` shows, or None if they can be."""
    if seen.status != _OK:
        return RetryLater(
            f"cannot look at the table: QuestDB answers {seen.status} to /exec; check the login "
            "and what stands before it: /exec has to be let through as /write is"
        )
    if _RIGHT in seen.content:
        return None
    if '"dataset":[]' in seen.content:
        return RetryLater(
            f"{table}: the table is missing; run 'ingestion-service schema apply'", "schema-missing"
        )
    if '"dataset":[[' in seen.content:
        return RetryLater(f"{table}: {WRONG_SHAPE}", "schema-missing")
    return RetryLater("cannot look at the table: the answer to /exec is not QuestDB's")


def changed(table: str) -> RetryLater:
    """Return the outcome of rows that went to a table which is not there, or another, by now."""
    return RetryLater(
        f"{table}: the table was dropped or replaced while rows were sent: they are not in it",
        "schema-missing",
    )


WRONG_SHAPE = (
    "the table is not that of the schema (no DEDUP, no WAL or another timestamp); "
    "'ingestion-service check' says what to do"
)
