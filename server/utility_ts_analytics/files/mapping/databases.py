"""The DuckDBs of one mapping, which files of a load take in turn.

To open one takes 20 ms, and to make its macros as many again: more than a small file takes to read.
"""

import contextlib
import os
import shutil
import tempfile
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa

from utility_ts_analytics.files.mapping.macros import macros_of
from utility_ts_analytics.files.mapping.preparation import Prepared
from utility_ts_analytics.files.mapping.statement import Statement
from utility_ts_analytics.files.tables.file_bytes import FileBytes

MEMORY_LIMIT: Final = "512MB"
_IN_LIST_MAX: Final = 200


class Database:
    """A DuckDB that can read nothing but one file, if that, and write nothing.

    Args:
        statement: The mapping; its macros are there.
        file: The file that DuckDB's own functions may read, where the mapping calls some.

    Attributes:
        connection: Of one thread at a time.
        close: Closes it, and removes what it has on disk. Idempotent; done where it is forgotten.
    """

    def __init__(self, statement: Statement, file: FileBytes) -> None:
        stack = contextlib.ExitStack()
        self.close = weakref.finalize(self, stack.close)
        try:
            self._folder = Path(tempfile.mkdtemp(prefix="ingestion-service-"))
            stack.callback(shutil.rmtree, self._folder, ignore_errors=True)
            self.connection = duckdb.connect(
                config={
                    "memory_limit": MEMORY_LIMIT,
                    "threads": min(2, os.cpu_count() or 1),
                    "temp_directory": str(self._folder),
                    "autoinstall_known_extensions": "false",
                    "autoload_known_extensions": "false",
                    "python_enable_replacements": "false",
                }
            )
            stack.callback(self.connection.close)
            self._set_up(statement, file)
        except BaseException:
            self.close()
            raise

    @property
    def is_clean(self) -> bool:
        """Whether nothing of a file is left on disk."""
        return not any(self._folder.iterdir())

    def _set_up(self, statement: Statement, file: FileBytes) -> None:
        connection = self.connection
        connection.execute("SET TimeZone = 'UTC'")
        if statement.sql.count(",") < _IN_LIST_MAX:
            # Else a list of six values is a join, which keeps no order. One of thousands has to be.
            connection.execute("SET disabled_optimizers = 'in_clause'")
        connection.execute(macros_of(statement.sql))
        if statement.reads_path:
            connection.execute("SET allowed_paths = $p", {"p": [str(file.plain_path())]})
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")


class Databases:
    """All of one mapping. Threads take turns.

    Args:
        statement: The mapping.

    Attributes:
        statement: The mapping.
    """

    def __init__(self, statement: Statement) -> None:
        self.statement = statement
        self._free: list[Database] = []
        self._known: tuple[Sequence[pa.Schema], Prepared] | None = None

    def take(self, file: FileBytes) -> Database:
        """Return a database for one file: one that was given back, or a new one."""
        return self._free.pop() if self._free else Database(self.statement, file)

    def give_back(self, database: Database) -> None:
        """Keep a database for the next file; nothing runs in it, and nothing is registered."""
        # One that DuckDB's own functions read through is locked to its file.
        if self.statement.reads_path or not database.is_clean:
            database.close()
        else:
            self._free.append(database)

    def known(self, tables: Sequence[pa.Schema]) -> Prepared | None:
        """Return how the mapping runs over such tables, if an earlier file had the same."""
        if self._known is not None and self._known[0] == tables:
            return self._known[1]
        return None

    def remember(self, tables: Sequence[pa.Schema], prepared: Prepared) -> None:
        """Keep how the mapping runs over such tables.

        Where the name of the file stands in the mapping, it may decide which columns are asked for.
        """
        if not self.statement.names_path and not prepared.needs_all:
            self._known = tables, prepared

    def close(self) -> None:
        """Close those that are free. Idempotent."""
        while self._free:
            self._free.pop().close()
