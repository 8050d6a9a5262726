"""Opens inputs whose readings come as columns. Needs the packages of the extra `files`."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final

from utility_ts_analytics.config import Config
from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.file_kinds import NO_KIND, FileKind
from utility_ts_analytics.files.inputs import Input
from utility_ts_analytics.files.mapping.databases import Databases
from utility_ts_analytics.files.mapping.engine import Selection
from utility_ts_analytics.files.mapping.statement import Statement, load_statement, source_columns
from utility_ts_analytics.files.mapping.table_functions import TABLE_FUNCTIONS, TableFunction
from utility_ts_analytics.files.options import LoadOptions
from utility_ts_analytics.files.pieces import PieceSource, Place
from utility_ts_analytics.files.replaced.replaced_rows import VersionTaker
from utility_ts_analytics.files.sources.column_pieces import ColumnRules, TableFile
from utility_ts_analytics.files.sources.mapped_file import MappedFile
from utility_ts_analytics.files.sources.ndjson_files import JsonArrayFile
from utility_ts_analytics.files.sources.ndjson_pieces import NdjsonRules
from utility_ts_analytics.files.sources.stream_bytes import CopiedStream, StreamBytes
from utility_ts_analytics.files.tables.contract import RecordTable
from utility_ts_analytics.files.tables.file_bytes import FileBytes
from utility_ts_analytics.files.tables.json_tables import array_elements
from utility_ts_analytics.files.tables.text import TextFile
from utility_ts_analytics.records.streams import STREAMS
from utility_ts_analytics.records.validation import latest_ts
from utility_ts_analytics.sinks.ilp.columns import column_encoder

_PACKAGE: Final = Path(__file__).resolve().parents[2]
_MAPPING_FOLDERS: Final = (
    _PACKAGE / "_mappings",  # an installed wheel
    _PACKAGE.parents[1] / "mappings",  # a checkout
)
_MAPPED_KINDS: Final = frozenset(("nem12", "espi", "mscons"))
"""Kinds with a mapping of this package, which is used where none is given."""

_SEPARATORS: Final[Mapping[str, str]] = {"csv": ",", "psv": "|", "tsv": "\t"}


class ColumnOpening:
    """Opens all such inputs of a load.

    Args:
        config: The configuration of the server.
        options: The options of the load.
        statement: The mapping; None where columns are named as the fields.
        wall_ns: Time of day, ns since 1970, for `max_future_minutes`.
    """

    def __init__(
        self, config: Config, options: LoadOptions, statement: Statement | None, *, wall_ns: int
    ) -> None:
        stream = config.streams[options.stream]
        self._spec = STREAMS[options.stream]
        self._statement = statement
        self._allow_negative = stream.source.allow_negative
        self._ts_end = latest_ts(wall_ns, stream.source.max_future_minutes)
        self._max_line_bytes = stream.source.max_line_bytes
        self._refused_max = options.refused_max
        self._databases: dict[FileKind | None, Databases] = {}
        self._encode = None if options.dry_run else column_encoder(stream.table, self._spec)

    def close(self) -> None:
        """Close what was kept for the next file. Idempotent."""
        for databases in self._databases.values():
            databases.close()

    def refused_suffix(self, kind: FileKind | None) -> str:
        """Return the suffix of the file of refused records of an input of a kind."""
        statement = self._statement or _own_mapping(kind)
        if statement is not None:
            return statement.calls[0].function.suffix if statement.calls else ".txt"
        if kind == "json":
            return ".ndjson"
        function = _function_of(kind)
        return "" if function is None else function.suffix

    def open(
        self,
        entry: Input,
        kind: FileKind | None,
        place: Place,
        records: NdjsonRules,
        versions: VersionTaker,
    ) -> PieceSource:
        """Open an input at a place.

        Args:
            entry: The input.
            kind: Its kind; None where only a mapping reads it.
            place: Place to begin at.
            records: How JSON records are read.
            versions: Takes the rows as they are read.

        Raises:
            OperatorError: It cannot be opened.
        """
        rules = ColumnRules(
            spec=self._spec,
            allow_negative=self._allow_negative,
            ts_end=self._ts_end,
            encode=self._encode,
            versions=versions.columns,
            refused_max=self._refused_max,
        )

        def open_file(file: FileBytes) -> PieceSource:
            try:
                statement = self._statement or _own_mapping(kind)
                if statement is not None:
                    known = None if self._statement is not None else kind
                    databases = self._databases.setdefault(known, Databases(statement))
                    return self._mapped(databases, file, rules, place)
                if kind == "json":
                    return self._array(file, records, place)
                return TableFile(self._table(file, kind), file, rules, place)
            except BaseException:
                file.close()
                raise

        if not entry.is_file:
            return CopiedStream(StreamBytes(entry.path), open_file)
        return open_file(FileBytes(entry.path, entry.member))

    def _mapped(
        self, databases: Databases, file: FileBytes, rules: ColumnRules, place: Place
    ) -> MappedFile:
        statement = databases.statement
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

    def _array(self, file: FileBytes, records: NdjsonRules, place: Place) -> JsonArrayFile:
        text = TextFile(file, "utf-8", self._max_line_bytes)
        if not file.first_bytes(4_096).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"["):
            raise OperatorError(
                f"cannot read {file.name}: it is one JSON document, neither an array of records nor"
                " one record a line: a mapping reads its list with json_document($path)"
            )
        return JsonArrayFile(file, array_elements(text), records, place)

    def _table(self, file: FileBytes, kind: FileKind | None) -> RecordTable:
        function = _function_of(kind)
        if function is None:
            raise OperatorError(f"cannot read {file.name}: it {NO_KIND}")
        arguments = dict(function.parameters)
        if kind in _SEPARATORS:
            arguments["sep"] = _SEPARATORS[str(kind)]
        return function.open(file, arguments, self._max_line_bytes)


@cache
def _own_mapping(kind: FileKind | None) -> Statement | None:
    """Return this package's mapping of a kind; None without."""
    if kind not in _MAPPED_KINDS:
        return None
    folder = next(folder for folder in _MAPPING_FOLDERS if folder.is_dir())
    return load_statement(folder / f"{kind}.sql")


def _function_of(kind: FileKind | None) -> TableFunction | None:
    """Return the function that opens a file of a kind as a table; None without."""
    return TABLE_FUNCTIONS.get("csv" if kind in _SEPARATORS else str(kind))


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
