"""Opens inputs that are read through a mapping."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.file_kinds import FileKind
from utility_ts_analytics.files.mapping.databases import Databases
from utility_ts_analytics.files.mapping.engine import Selection
from utility_ts_analytics.files.mapping.statement import Statement, load_statement, source_columns
from utility_ts_analytics.files.pieces import Place
from utility_ts_analytics.files.sources.column_pieces import ColumnRules
from utility_ts_analytics.files.sources.mapped_file import MappedFile
from utility_ts_analytics.files.tables.file_bytes import FileBytes

_PACKAGE: Final = Path(__file__).resolve().parents[2]
_MAPPING_FOLDERS: Final = (
    _PACKAGE / "_mappings",  # an installed wheel
    _PACKAGE.parents[1] / "mappings",  # a checkout
)


class MappedOpening:
    """Opens all such inputs of a load.

    Args:
        statement: The mapping; None: this package's, for each kind of file that has one.
        max_line_bytes: Longest line of a file, bytes.
    """

    def __init__(self, statement: Statement | None, max_line_bytes: int) -> None:
        self._statement = statement
        self._max_line_bytes = max_line_bytes
        self._databases: dict[FileKind | None, Databases] = {}

    def close(self) -> None:
        """Close what was kept for the next file. Idempotent."""
        for databases in self._databases.values():
            databases.close()

    def suffix(self, kind: FileKind | None) -> str:
        """Return the suffix of the file of refused records of an input of a kind."""
        statement = self._statement_of(kind)
        return statement.calls[0].function.suffix if statement.calls else ".txt"

    def open(
        self, file: FileBytes, kind: FileKind | None, rules: ColumnRules, place: Place
    ) -> MappedFile:
        """Open a file at a place.

        Args:
            file: Its bytes.
            kind: Its kind.
            rules: How the columns of the mapping are checked and encoded.
            place: Place to begin at.

        Raises:
            OperatorError: It cannot be opened.
        """
        known = None if self._statement is not None else kind
        statement = self._statement_of(kind)
        databases = self._databases.setdefault(known, Databases(statement))
        if statement.reads_path and not _is_unicode(str(file.plain_path())):
            raise OperatorError(
                f"cannot read {file.name} by the mapping: its name is not UTF-8, and DuckDB's own"
                " functions open no such file: rename it"
            )
        try:
            selection = Selection(databases, file, self._max_line_bytes)
        except RecursionError as error:
            raise OperatorError(
                f"cannot read {file.name} by the mapping: it is nested too deeply"
            ) from error
        try:
            sources: Mapping[str, Sequence[str]] = {}
            open_table = None
            if selection.tables:
                sources = source_columns(statement, selection.tables[0].schema.names)
                open_table = selection.open_table
            return MappedFile(selection, file, sources, open_table, rules=rules, start=place)
        except BaseException:
            selection.close()
            raise

    def _statement_of(self, kind: FileKind | None) -> Statement:
        return self._statement or _own_mapping(kind)


@cache
def _own_mapping(kind: FileKind | None) -> Statement:
    """Return this package's mapping of a kind."""
    folder = next(folder for folder in _MAPPING_FOLDERS if folder.is_dir())
    return load_statement(folder / f"{kind}.sql")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
