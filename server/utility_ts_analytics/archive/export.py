"""Rows of one table and time range as a Parquet file, by QuestDB's `/exp`. Blocks its thread.

One answer is one state of the table: QuestDB reads it through one reader
(`test_export_is_one_state_of_the_table`).
"""

import http.client
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import msgspec

from utility_ts_analytics.archive.duckdb_sql import quoted
from utility_ts_analytics.config import QuestDBConfig
from utility_ts_analytics.database.access import HttpAccess, access_of, tls_cause
from utility_ts_analytics.database.table_spec import ColumnSpec
from utility_ts_analytics.errors import OperatorError, QuestDBUnavailable

SILENCE_S: Final = 300.0
"""Timeout while QuestDB reads before it sends the next bytes."""

_CONNECT_TIMEOUT_S: Final = 10.0
_PIECE_BYTES: Final = 1024 * 1024
_TAIL: Final = b"PAR1"
_CAUSE_BYTES_MAX: Final = 4096
_ENCODER: Final = "StreamingPartitionEncoder"
_ROWS_MAX: Final = 10**12


class _EncoderFailed(OperatorError):
    """QuestDB's fast Parquet encoder failed for these rows."""


class _Answer(msgspec.Struct):
    dataset: list[list[object]]


@dataclass(frozen=True, slots=True)
class QuestDBHttp:
    """QuestDB's HTTP server.

    Attributes:
        host: Its name or address.
        port: Its port.
        access: TLS and login.
    """

    host: str
    port: int
    access: HttpAccess

    @property
    def address(self) -> str:
        """For messages."""
        return f"{self.host}:{self.port}"


def http_of(questdb: QuestDBConfig) -> QuestDBHttp:
    """Return the HTTP server that `[questdb]` names."""
    where = questdb.ilp_http_addr
    return QuestDBHttp(where.host, where.port, access_of(questdb))


def day_sql(
    table: str, columns: Sequence[ColumnSpec], timestamp: str, days: tuple[date, date] | None
) -> str:
    """Return the query for the rows of days, the last one inclusive, or of the whole table."""
    names = ", ".join(map(_exported, columns))
    return f"SELECT {names} FROM {quoted(table)}{range_sql(timestamp, days)}"


def range_sql(timestamp: str, days: tuple[date, date] | None) -> str:
    """Return the condition for days, the last one inclusive; "" for None."""
    if days is None:
        return ""
    first, end = days[0], days[1] + timedelta(days=1)
    ts = quoted(timestamp)
    return f" WHERE {ts} >= '{first}T00:00:00.000000Z' AND {ts} < '{end}T00:00:00.000000Z'"


def ask(server: QuestDBHttp, sql: str) -> list[list[object]]:
    """Return the rows of a small answer, as JSON has them.

    Raises:
        QuestDBUnavailable: No connection, or it broke.
        OperatorError: QuestDB refused the query.
    """
    connection = open_http(server)
    try:
        target = f"/exec?{urlencode({'query': sql, 'nm': 'true'})}"
        connection.request("GET", target, headers=login(server))
        answer = connection.getresponse()
        if answer.status != http.client.OK:
            raise _refused(server, answer)
        return msgspec.json.decode(answer.read(), type=_Answer).dataset
    except (OSError, http.client.HTTPException, msgspec.DecodeError) as error:
        raise unavailable(server, error) from error
    finally:
        connection.close()


def _exported(column: ColumnSpec) -> str:
    name = quoted(column.name)
    # Without the cast 9.3.4 exports NULL for all of a VARCHAR column that has short texts alone.
    return f"{name}::STRING AS {name}" if column.type == "VARCHAR" else name


def export(server: QuestDBHttp, sql: str, target: Path) -> None:
    """Write the answer to a query into `target`, as Parquet.

    Raises:
        QuestDBUnavailable: No connection, or it broke: `target` is incomplete.
        OperatorError: QuestDB refused the query.
        OSError: `target` cannot be written.
    """
    try:
        _export(server, sql, target)
    except _EncoderFailed:
        # Seen with partitions that QuestDB keeps as Parquet. With a LIMIT 9.3.4 exports row by row:
        # right, at 0.27 us of its CPU per row instead of 0.11.
        _export(server, f"{sql} LIMIT {_ROWS_MAX}", target)


def _export(server: QuestDBHttp, sql: str, target: Path) -> None:
    connection = open_http(server)
    try:
        try:
            connection.request(
                "GET", f"/exp?{urlencode({'query': sql, 'fmt': 'parquet'})}", headers=login(server)
            )
            answer = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise unavailable(server, error) from error
        if answer.status != http.client.OK:
            raise _refused(server, answer)
        _save(server, answer, target)
    finally:
        connection.close()


def open_http(server: QuestDBHttp) -> http.client.HTTPConnection:
    """Return a connection.

    Raises:
        QuestDBUnavailable: There is none.
    """
    try:
        context = server.access.context()
        connection = (
            http.client.HTTPConnection(server.host, server.port, timeout=_CONNECT_TIMEOUT_S)
            if context is None
            else http.client.HTTPSConnection(
                server.host, server.port, timeout=_CONNECT_TIMEOUT_S, context=context
            )
        )
        connection.connect()
        if isinstance(connection.sock, socket.socket):
            connection.sock.settimeout(SILENCE_S)
    except OSError as error:
        raise unavailable(server, error) from error
    return connection


def login(server: QuestDBHttp) -> dict[str, str]:
    """Return the headers that every request needs."""
    authorization = server.access.authorization
    return {"Authorization": authorization} if authorization else {}


def unavailable(server: QuestDBHttp, error: Exception) -> QuestDBUnavailable:
    """Return the error about a connection that is not there or broke."""
    if isinstance(error, ssl.SSLError):
        cause = tls_cause(error)
    elif isinstance(error, OSError) and error.strerror:
        cause = error.strerror
    else:
        cause = str(error).splitlines()[0] if str(error) else type(error).__name__
    return QuestDBUnavailable(
        f"lost QuestDB at {server.address}: {cause}; check questdb.ilp_http_addr, and run it again"
        " when QuestDB is there"
    )


def _save(server: QuestDBHttp, answer: http.client.HTTPResponse, target: Path) -> None:
    tail = b""
    with target.open("wb") as file:
        while True:
            try:
                piece = answer.read(_PIECE_BYTES)
            except (OSError, http.client.HTTPException) as error:
                raise unavailable(server, error) from error
            if not piece:
                break
            file.write(piece)
            tail = (tail + piece)[-len(_TAIL) :]
    # The footer comes last: without it the export ended early, even where HTTP reports success.
    if tail != _TAIL:
        raise QuestDBUnavailable(
            f"QuestDB at {server.address} ended an export early; see its log, and run it again"
        )


def _refused(server: QuestDBHttp, answer: http.client.HTTPResponse) -> OperatorError:
    body = answer.read(_CAUSE_BYTES_MAX)
    try:
        cause = str(msgspec.json.decode(body, type=dict[str, object]).get("error"))
    except (msgspec.DecodeError, UnicodeError):
        cause = "see its log"
    if _ENCODER in cause:
        return _EncoderFailed(cause)
    if answer.status in (http.client.UNAUTHORIZED, http.client.FORBIDDEN):
        cause = "the login was refused; check questdb.ilp_user or questdb.ilp_token"
    return OperatorError(
        f"QuestDB at {server.address} refused an export ({answer.status}): {cause}"
    )
