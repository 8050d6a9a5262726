"""Runs a mapping over one file: a DuckDB of its own, that can read nothing else and write nothing.

Memory: DuckDB's limit, and one on the data of the process, as a single text goes around the first.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Final

import duckdb
import numpy as np
import pyarrow as pa

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.mapping.data_bound import DATA_BOUND
from utility_ts_analytics.files.mapping.macros import all_macros, macros_of
from utility_ts_analytics.files.mapping.plan import (
    Order,
    Plan,
    cast_to,
    quoted,
    sorted_to_the_end,
    wanted_type,
)
from utility_ts_analytics.files.mapping.problems import reason_of
from utility_ts_analytics.files.mapping.refused_queue import RefusedQueue
from utility_ts_analytics.files.mapping.statement import Statement
from utility_ts_analytics.files.pieces import ErrorBudget
from utility_ts_analytics.files.tables.contract import BLOCK_ROWS_MAX, RecordTable, Refused
from utility_ts_analytics.files.tables.file_bytes import FileBytes

_MEMORY_LIMIT: Final = "512MB"
_IN_LIST_MAX: Final = 200


class Selection:
    """One mapping over one file. A context manager that closes it; read it once.

    Args:
        statement: The mapping.
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

    def __init__(self, statement: Statement, file: FileBytes, max_line_bytes: int) -> None:
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
            self._connection = self._connected(statement)
            path = file.plain_path() if statement.reads_path else file.path
            self._query = statement.for_path(str(path), file.name)
            self._sort_to_the_end()
            self._relation, self.schema = self._typed()
            self.order = self._planned()
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
            for batch in self._relation.to_arrow_reader(BLOCK_ROWS_MAX):
                yield batch
                self._stop_if_interrupted()
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
        with contextlib.suppress(duckdb.Error):
            self._connection.interrupt()

    def close(self) -> None:
        """Close the database, and remove what it has on disk. Idempotent."""
        self._stack.close()

    def _connected(self, statement: Statement) -> duckdb.DuckDBPyConnection:
        folder = Path(tempfile.mkdtemp(prefix="ingestion-service-"))
        self._stack.callback(shutil.rmtree, folder, ignore_errors=True)
        connection = duckdb.connect(
            config={
                "memory_limit": _MEMORY_LIMIT,
                "threads": min(2, os.cpu_count() or 1),
                "temp_directory": str(folder),
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "python_enable_replacements": "false",
            }
        )
        self._stack.callback(connection.close)
        connection.execute("SET TimeZone = 'UTC'")
        if statement.sql.count(",") < _IN_LIST_MAX:
            # Else a list of six values is a join, which keeps no order. One of thousands has to be.
            connection.execute("SET disabled_optimizers = 'in_clause'")
        connection.execute(macros_of(statement.sql))
        for call, table in zip(statement.calls, self.tables, strict=True):
            key = f"{call.function.name} {sorted(call.arguments.items())}"
            connection.register(call.name, _Stream(self, table, key))
        if statement.reads_path:
            connection.execute("SET allowed_paths = $p", {"p": [str(self._file.plain_path())]})
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        return connection

    def _typed(self) -> tuple[duckdb.DuckDBPyRelation, pa.Schema]:
        """Return the mapping, so that DuckDB makes of it what Arrow would not, and its columns."""
        try:
            # To bind many macros takes 20 to 100 ms: here, for the plan, and when it runs.
            try:
                relation = self._connection.sql(self._query)
            except (duckdb.BinderException, duckdb.CatalogException):
                # With all of them DuckDB tells the nearest, and finds what a text has named.
                self._connection.execute(all_macros())
                relation = self._connection.sql(self._query)
            columns = list(zip(relation.columns, map(str, relation.types), strict=True))
            kinds = [kind for _, kind in columns]
            wanted = [wanted_type(name, kind) for name, kind in columns]
            if len({name.lower() for name, _ in columns}) == len(columns):
                relation = relation.project(
                    ", ".join(
                        f"{cast_to(quoted(name), new, kind)} AS {quoted(name)}"
                        for (name, kind), new in zip(columns, wanted, strict=True)
                    )
                )
                kinds = wanted
            empty = ", ".join(
                f"{cast_to('NULL', kind)} AS {quoted(name)}"
                for (name, _), kind in zip(columns, kinds, strict=True)
            )
            schema = self._connection.sql(f"SELECT {empty} LIMIT 0").to_arrow_table().schema
        except duckdb.Error as error:
            raise self.failure or self._problem(error) from error
        json_columns = [n for (n, _), kind in zip(columns, wanted, strict=True) if kind == "JSON"]
        if json_columns:
            raise OperatorError(
                f"cannot read {self._file.name} by the mapping: {', '.join(json_columns)} is JSON:"
                " take the member as text, with ->> in the place of ->"
            )
        return relation, schema

    def _sort_to_the_end(self) -> None:
        """Let `rec` decide between rows that are equal in what the mapping sorts by."""
        self._sorts, query = sorted_to_the_end(self._query)
        self._sorted_by_rec = False
        if query is not None:
            with contextlib.suppress(duckdb.Error):  # it has no rec, or a name of its own there
                self._connection.sql(query)
                self._query, self._sorted_by_rec = query, True

    def _planned(self) -> Order:
        """Let the tables read what is asked for only, and sort the rows where it takes that."""
        try:
            row = self._connection.execute(f"EXPLAIN (FORMAT json) {self._query}").fetchone()
        except duckdb.Error as error:
            raise self.failure or self._problem(error) from error
        plan = Plan(row[1] if row is not None else "[]")
        wanted = plan.wanted([name for table in self.tables for name in table.schema.names])
        for table in self.tables:
            if wanted is not None and hasattr(table, "wanted"):
                table.wanted = wanted
        if len(self.tables) == 1 and plan.keeps_order:
            return "file"
        if self._sorts:
            return "sorted" if self._sorted_by_rec else "unknown"
        rec = next((name for name in self.schema.names if name.lower() == "rec"), None)
        if plan.is_numbered or (plan.is_sorted and rec is not None):
            return "own"
        if rec is None:
            return "unknown"
        self._relation = self._relation.order(quoted(rec))
        return "sorted"

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
        reason = reason_of(error, columns, _MEMORY_LIMIT)
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
