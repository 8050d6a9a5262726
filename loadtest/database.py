"""A QuestDB for one run, and QuestDB over its REST interface."""

import contextlib
import http.client
import tempfile
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Self, TypeVar

import msgspec
from loadtest.processes import wait_until

from utility_ts_analytics.database.embedded_questdb.server import EmbeddedQuestDB, RunningQuestDB

RowT = TypeVar("RowT")

_REQUEST_TIMEOUT_S = 120.0


class _Progress(msgspec.Struct, array_like=True, frozen=True):
    writer_transaction: int
    sequencer_transaction: int
    suspended: bool


class _Count(msgspec.Struct, array_like=True, frozen=True):
    rows: int


class _Result(msgspec.Struct, Generic[RowT]):
    dataset: list[RowT]


class QuestDBRest:
    """One connection to `/exec`. Not thread-safe.

    JSON is exact enough to compare by: a DOUBLE has all the digits that tell it from its
    neighbours, and NULL differs from an empty text (both measured on 9.3.4).
    """

    def __init__(self, port: int, *, host: str = "127.0.0.1") -> None:
        self._connection = http.client.HTTPConnection(host, port, timeout=_REQUEST_TIMEOUT_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._connection.close()

    def execute(self, sql: str) -> bytes:
        """Run one statement and return the JSON of its result.

        Raises:
            RuntimeError: QuestDB refuses the statement.
            OSError: The connection broke, or there was no answer within two minutes.
        """
        self._connection.request("GET", "/exec?query=" + urllib.parse.quote(sql))
        response = self._connection.getresponse()
        content = response.read()
        if response.status != http.client.OK:
            cause = content.decode(errors="replace")[:500]
            raise RuntimeError(f"cannot run {sql[:200]!r}: {response.status} {cause}")
        return content

    def rows(self, sql: str, row_type: type[RowT]) -> list[RowT]:
        """Run one query and return its rows, each decoded from a JSON array to `row_type`."""
        # mypy takes no variable for a type argument; msgspec needs just that.
        result = msgspec.json.decode(self.execute(sql), type=_Result[row_type])  # type: ignore[valid-type]
        return result.dataset

    def count(self, sql: str) -> int:
        """Run a query whose result is one number."""
        return self.rows(sql, _Count)[0].rows

    def truncate(self, table: str) -> None:
        """Empty a table and wait until it is empty. Nothing else may write to it meanwhile."""
        self.execute(f'TRUNCATE TABLE "{table}"')
        self.wait_applied(table)

    def wait_applied(self, table: str, *, timeout_s: float = 120.0) -> None:
        """Return once everything committed to `table` so far is visible to queries.

        Raises:
            RuntimeError: The table is suspended, or it took longer.
        """
        sql = (
            "SELECT writerTxn, sequencerTxn, suspended FROM wal_tables()"  # noqa: S608 - our own table names
            f" WHERE name = '{table}'"
        )

        def applied() -> bool:
            progress = self.rows(sql, _Progress)[0]
            if progress.suspended:
                raise RuntimeError(f"cannot see the rows of {table}: the table is suspended")
            return progress.writer_transaction == progress.sequencer_transaction

        # Short against a turn of seconds, long against the 0.3 ms that the query takes.
        wait_until(applied, f"all rows of {table} are applied", timeout_s=timeout_s, every_s=0.005)


@dataclass(frozen=True, slots=True)
class OwnQuestDB:
    """A QuestDB started for one run.

    Attributes:
        directory: For files of the run; removed at its end. QuestDB's data is in `questdb`.
        rest: A connection to it.
    """

    directory: Path
    running: RunningQuestDB
    rest: QuestDBRest


@contextlib.contextmanager
def own_questdb(prefix: str) -> Iterator[OwnQuestDB]:
    """Run an embedded QuestDB, without tables yet, in a new temporary folder."""
    with tempfile.TemporaryDirectory(prefix=prefix) as folder:
        directory = Path(folder)
        with (
            EmbeddedQuestDB(directory / "questdb", notify=print) as running,
            QuestDBRest(running.http_port) as rest,
        ):
            yield OwnQuestDB(directory, running, rest)
