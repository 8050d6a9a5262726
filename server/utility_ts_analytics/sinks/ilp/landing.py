"""Checks that rows land in the table of the schema, not in another one of its name. Pure.

A 204 of `/write` does not say that. Where `line.auto.create.new.tables` is on, QuestDB also answers
204 for rows for which it made a table itself, with texts for ids and without DEDUP. So the table is
looked at before the first request of a connection, and with that setting on also after each commit:
rows count as stored only if the table is still the same one
(docs/decisions/0029-which-table-took-the-rows.md).
"""

import re
from dataclasses import dataclass
from urllib.parse import urlencode

from utility_ts_analytics.database.access import HttpAccess
from utility_ts_analytics.sinks.contract import RetryLater
from utility_ts_analytics.sinks.ilp.http_connection import Answer

_OK = 200
_TABLE = (
    "SELECT id, designatedTimestamp, walEnabled, dedup FROM tables() "
    "WHERE lower(table_name) = '{table}'"
)
"""No two tables of one server have the same id, whether they exist or not."""

_SETTING = "SELECT value FROM (SHOW PARAMETERS) WHERE property_path = 'line.auto.create.new.tables'"
_OFF = '"dataset":[["false"]]'
_RIGHT = re.compile(r'"dataset":\[\[(\d+),"ts",true,true\]\]')
"""The row of a table that can take readings."""

_WRONG_SHAPE = (
    "the table is not that of the schema (no DEDUP, no WAL or another timestamp); "
    "'ingestion-service check' says what to do"
)


@dataclass(frozen=True, slots=True)
class Looks:
    """The requests of a new connection.

    Attributes:
        setting: Asks whether QuestDB makes tables by itself, which only a restart can change.
        table: Asks for the table; where QuestDB makes tables, also after each commit.
    """

    setting: bytes
    table: bytes


def looks_at(addr: str, table: str, access: HttpAccess) -> Looks:
    """Return the requests for a table.

    Args:
        addr: `host:port` of QuestDB's HTTP server.
        table: Its name; QuestDB allows no quote in one.
        access: TLS and login.
    """

    def request(sql: str) -> bytes:
        query = urlencode({"query": sql, "nm": "true"})
        return f"{access.head('GET', f'/exec?{query}', addr)}\r\n".encode()

    return Looks(request(_SETTING), request(_TABLE.format(table=table.lower())))


def makes_tables(answer: Answer) -> bool:
    """Tell whether QuestDB makes tables by itself, or may because it does not tell."""
    return answer.status != _OK or _OFF not in answer.content


def table_id_of(answer: Answer, table: str) -> str | RetryLater:
    """Return the id of a table that can take readings, or why rows must not be sent to it."""
    if answer.status != _OK:
        return RetryLater(
            f"cannot look at the table: QuestDB answers {answer.status} to /exec; check the login "
            "and what stands before it: /exec has to be let through as /write is"
        )
    right = _RIGHT.search(answer.content)
    if right is not None:
        return right[1]
    if '"dataset":[]' in answer.content:
        return RetryLater(
            f"{table}: the table is missing; run 'ingestion-service schema apply'", "schema-missing"
        )
    if '"dataset":[[' in answer.content:
        return RetryLater(f"{table}: {_WRONG_SHAPE}", "schema-missing")
    return RetryLater("cannot look at the table: the answer to /exec is not QuestDB's")


def trouble_after(answer: Answer, id_before: str, table: str) -> RetryLater | None:
    """Return why rows that were committed meanwhile are not stored, or None if they are."""
    found = table_id_of(answer, table)
    if isinstance(found, RetryLater):
        return found
    if found == id_before:
        return None
    return RetryLater(
        f"{table}: the table was replaced while rows were sent: they are not in it",
        "schema-missing",
    )
