"""QuestDB over its REST interface: the proofs' own eyes, apart from the package that they judge."""

import http.client
import threading
import time
import urllib.parse
from types import TracebackType
from typing import Generic, Self, TypeVar

import msgspec

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

    JSON is exact enough to compare by: a DOUBLE is written with all the digits that tell it from
    its neighbours, and NULL differs from an empty text (both measured on 9.3.4).
    """

    def __init__(self, port: int, *, host: str = "127.0.0.1") -> None:
        self._connection = http.client.HTTPConnection(host, port, timeout=_REQUEST_TIMEOUT_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
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

        Args:
            table: A table with a write-ahead log.
            timeout_s: How long that may take, seconds.

        Raises:
            RuntimeError: The table is suspended, or it took longer.
        """
        sql = (
            "SELECT writerTxn, sequencerTxn, suspended FROM wal_tables()"  # noqa: S608 - our own table names
            f" WHERE name = '{table}'"
        )
        pause = threading.Event()
        end_s = time.monotonic() + timeout_s
        while True:
            progress = self.rows(sql, _Progress)[0]
            if progress.suspended:
                raise RuntimeError(f"cannot see the rows of {table}: the table is suspended")
            if progress.writer_transaction == progress.sequencer_transaction:
                return
            if time.monotonic() > end_s:
                raise RuntimeError(f"cannot see the rows of {table}: not applied in {timeout_s} s")
            # Short against a turn of seconds, long against the 0.3 ms that the query takes.
            pause.wait(0.005)
