"""Runs a mapping over one file, in a DuckDB that can read nothing else and write nothing.

Memory: DuckDB's limit, and one on the data of the process, as a single text goes around the first.
"""

import contextlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Final

import duckdb
import numpy as np
import pyarrow as pa

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.mapping.data_bound import DATA_BOUND
from utility_ts_analytics.files.mapping.databases import MEMORY_LIMIT, Databases
from utility_ts_analytics.files.mapping.preparation import Prepared, prepare
from utility_ts_analytics.files.mapping.problems import column_not_there
from utility_ts_analytics.files.mapping.refused_queue import RefusedQueue
from utility_ts_analytics.files.mapping.statement import Statement
from utility_ts_analytics.files.pieces import ErrorBudget
from utility_ts_analytics.files.tables.contract import BLOCK_ROWS_MAX, RecordTable, Refused
from utility_ts_analytics.files.tables.file_bytes import FileBytes

_CASTS: Final = "; num(), wall() and TRY_CAST give NULL where CAST ends the file"


class Selection:
    """One mapping over one file; read it once, and close it.

    Args:
        databases: Of the mapping.
        file: The file.
        max_line_bytes: Longest line of a text, bytes.

    Attributes:
        tables: Over the file, in the order in which the mapping names them. The first is the one
            whose records are told by `rec`.
        encoding: Of the file, where it is text.
        schema: Of the result.
        order: Of the rows. Where it is not that of the file as it is read, all of it is read first.
        records: Records that the first table has handed over, by the pass that came farthest.
        refused_count: Those among them that could not be read.
        budget: Of refused records; None sets no bound.
        notes: What the tables decided or left out, and how often.

    Raises:
        OperatorError: The mapping does not fit the file; says what is there.
    """

    def __init__(self, databases: Databases, file: FileBytes, max_line_bytes: int) -> None:
        statement = databases.statement
        self.records = 0
        self.notes: dict[str, int] = {}
        self.refused_count = 0
        self.budget: ErrorBudget | None = None
        self.failure: OperatorError | None = None
        self._file = file
        self._refused = RefusedQueue()
        self._refused_to: dict[str, int] = {}
        self._stack = contextlib.ExitStack()
        self._stack.callback(self._refused.close)
        self._interrupted = False
        self._ended = self._left = False
        try:
            self._stack.enter_context(DATA_BOUND)
            self._open_tables = [
                partial(
                    call.function.open, file, _arguments(call.arguments, statement), max_line_bytes
                )
                for call in statement.calls
            ]
            self.tables = [open_table() for open_table in self._open_tables]
            self.encoding = statement.encoding_of_text
            self._database = databases.take(file)
            self._stack.callback(self._leave, databases)
            self._register(statement)
            prepared = self._prepared(databases)
            self._sql, self.schema, self.order = prepared.sql, prepared.schema, prepared.order
        except BaseException:
            self.close()
            raise

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the result in batches.

        Raises:
            OperatorError: The file or the mapping cannot be read on.
        """
        try:
            self._stop_if_interrupted()
            for batch in self._database.connection.sql(self._sql).to_arrow_reader(BLOCK_ROWS_MAX):
                yield batch
                self._stop_if_interrupted()
            self._ended = True
        except (duckdb.Error, pa.ArrowException, MemoryError, OSError) as error:
            raise self.failure or self._problem(error) from error

    def take_refused(self, up_to: int | None) -> list[Refused]:
        """Return records that a table could not read, in order, and forget them.

        Args:
            up_to: The last number; None takes any.

        Returns:
            A few thousand at most; `refused_waiting` tells whether there are more.
        """
        return self._refused.take(up_to)

    def refused_waiting(self, up_to: int | None) -> bool:
        """Tell whether there are records to take; see `take_refused`."""
        return self._refused.is_waiting(up_to)

    def open_table(self) -> RecordTable:
        """Return the first table once more, for a pass of somebody else."""
        return self._open_tables[0]()

    def interrupt(self) -> None:
        """Let the query end soon, from another thread."""
        self._interrupted = True
        if not self._left:
            with contextlib.suppress(duckdb.Error):
                self._database.connection.interrupt()

    def close(self) -> None:
        """Leave the database. Idempotent."""
        self._stack.close()

    def _prepared(self, databases: Databases) -> Prepared:
        """Return how the mapping runs, and let the tables read what it asks for only."""
        statement, file = databases.statement, self._file
        schemas = [table.schema for table in self.tables]
        prepared = databases.known(schemas)
        if prepared is None:
            path = file.plain_path() if statement.reads_path else file.path
            query = statement.for_path(str(path), file.name)
            try:
                prepared = prepare(self._database.connection, query, schemas)
            except duckdb.Error as error:
                raise self.failure or self._problem(error) from error
            databases.remember(schemas, prepared)
        if prepared.json_columns:
            raise OperatorError(
                f"cannot read {file.name} by the mapping: {', '.join(prepared.json_columns)} is"
                " JSON: take the member as text, with ->> in the place of ->"
            )
        for table in self.tables:
            if prepared.wanted is not None and hasattr(table, "wanted"):
                table.wanted = prepared.wanted
        return prepared

    def _register(self, statement: Statement) -> None:
        connection = self._database.connection
        for call, table in zip(statement.calls, self.tables, strict=True):
            key = f"{call.function.name} {sorted(call.arguments.items())}"
            connection.register(call.name, _Stream(self, table, key))

    def _leave(self, databases: Databases) -> None:
        """Give the database back if its query has come to its end, and close it if not."""
        self._left = True
        if self._ended:
            for call in databases.statement.calls:
                self._database.connection.unregister(call.name)
            databases.give_back(self._database)
        else:
            self._database.close()

    @property
    def keeps_order(self) -> bool:
        """Whether rows come in the order of the file, as they are read."""
        return self.order == "file"

    def _scan(self, table: RecordTable, key: str) -> Iterator[pa.RecordBatch]:
        """Yield the records of one pass; those refused are kept once, whatever the passes."""
        records, last = 0, -1
        notes: dict[str, int] = {}
        try:
            for block in table.blocks(notes):
                for one in block.refused:
                    if one.rec > self._refused_to.get(key, 0):
                        self._refused_to[key] = one.rec
                        self._refused.put(one)
                        self.refused_count += table is self.tables[0]
                if self.budget is not None:
                    self.budget.check(len(self._refused))
                numbers = block.batch.column("rec").to_numpy()
                # A record may be many rows, such as a day of NEM12.
                records += int((np.diff(numbers, prepend=last) > 0).sum()) + len(block.refused)
                last = int(numbers[-1]) if len(numbers) else last
                if table is self.tables[0]:
                    self.records = max(self.records, records)
                self.notes.update(notes)
                if block.batch.num_rows:
                    yield block.batch
        except OperatorError as error:
            self.failure = error
            raise
        except Exception as error:
            self.failure = OperatorError(f"cannot read {self._file.name}: {error!r}")
            raise

    def _stop_if_interrupted(self) -> None:
        if self._interrupted:
            raise OperatorError(f"{self._file.name}: interrupted")

    def _problem(self, error: BaseException) -> OperatorError:
        if self._interrupted:
            return OperatorError(f"{self._file.name}: interrupted")
        columns = self.tables[0].schema.names if self.tables else None
        reason = _reason_of(error, columns)
        return OperatorError(f"cannot read {self._file.name} by the mapping: {reason}")


class _Stream:
    """One table for DuckDB, which asks for a stream each time that it scans or looks at it."""

    def __init__(self, selection: Selection, table: RecordTable, key: str) -> None:
        self._selection = selection
        self._table = table
        self._key = key

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        batches = self._selection._scan(self._table, self._key)
        reader = pa.RecordBatchReader.from_batches(self._table.schema, batches)
        return reader.__arrow_c_stream__(requested_schema)


def _arguments(given: Mapping[str, object], statement: Statement) -> dict[str, object]:
    """Return the arguments of a table; the head of the mapping says the encoding for all."""
    arguments = dict(given)
    if statement.encoding is not None and "encoding" in arguments:
        arguments["encoding"] = statement.encoding
    return arguments


def _reason_of(error: BaseException, columns: Sequence[str] | None) -> str:
    """Return why a mapping could not be run.

    Args:
        error: As it was raised.
        columns: Of the file; None where no table is read.
    """
    reason = " ".join(str(error).split("\n\nLINE")[0].split("\n\nPossible solutions")[0].split())
    match error:
        case duckdb.BinderException() | duckdb.CatalogException() if columns is not None:
            reason = column_not_there(reason, columns)
        case duckdb.PermissionException():
            reason += "; a mapping reads $path and nothing else"
        case duckdb.Error() if "offload" in reason or "space left" in reason:
            reason += f"; make room in {tempfile.gettempdir()}, or set TMPDIR"
        case duckdb.OutOfMemoryException() | MemoryError():
            reason += f"; what the mapping makes of the file is too large ({MEMORY_LIMIT})"
        case duckdb.ConversionException():
            reason += _CASTS
        case duckdb.InvalidInputException() if "Could not parse" in reason:
            reason += _CASTS
        case _:
            pass
    return reason
