"""Opens inputs whose readings come as columns. Needs the packages of the extra `files`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from utility_ts_analytics.config import Config
from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.file_kinds import NO_KIND, FileKind
from utility_ts_analytics.files.inputs import Input
from utility_ts_analytics.files.mapping.table_functions import TABLE_FUNCTIONS, TableFunction
from utility_ts_analytics.files.options import LoadOptions
from utility_ts_analytics.files.pieces import PieceSource, Place
from utility_ts_analytics.files.replaced.replaced_rows import VersionTaker
from utility_ts_analytics.files.sources.column_pieces import ColumnRules
from utility_ts_analytics.files.sources.ndjson_files import JsonArrayFile
from utility_ts_analytics.files.sources.ndjson_pieces import NdjsonRules
from utility_ts_analytics.files.sources.stream_bytes import CopiedStream, StreamBytes
from utility_ts_analytics.files.sources.table_file import TableFile
from utility_ts_analytics.files.tables.contract import RecordTable
from utility_ts_analytics.files.tables.csv_table import CsvTable
from utility_ts_analytics.files.tables.file_bytes import FileBytes
from utility_ts_analytics.files.tables.json_tables import array_elements
from utility_ts_analytics.files.tables.text import TextFile
from utility_ts_analytics.records.encoded import CsvEncoder
from utility_ts_analytics.records.streams import STREAMS
from utility_ts_analytics.records.validation import latest_ts
from utility_ts_analytics.sinks.ilp.columns import column_encoder
from utility_ts_analytics.sinks.ilp.text_blocks import csv_encoder

if TYPE_CHECKING:
    from utility_ts_analytics.files.mapping.statement import Statement
    from utility_ts_analytics.files.sources.mapped_opening import MappedOpening

_MAPPED_KINDS: Final = frozenset(("nem12", "espi", "mscons"))
"""Kinds with a mapping of this package, which is used where none is given."""

_SEPARATORS: Final[Mapping[FileKind | None, str]] = {"csv": ",", "psv": "|", "tsv": "\t"}


class ColumnOpening:
    """Opens all such inputs of a load.

    Args:
        config: The configuration of the server.
        options: The options of the load.
        statement: The mapping; None where columns are named as the fields.
        wall_ns: Time of day, ns since 1970, for `max_future_minutes`.
    """

    def __init__(
        self, config: Config, options: LoadOptions, statement: "Statement | None", *, wall_ns: int
    ) -> None:
        stream = config.streams[options.stream]
        self._spec = STREAMS[options.stream]
        self._statement = statement
        self._allow_negative = stream.source.allow_negative
        self._ts_end = latest_ts(wall_ns, stream.source.max_future_minutes)
        self._max_line_bytes = stream.source.max_line_bytes
        self._refused_max = options.refused_max
        self._mapped: MappedOpening | None = None
        self._table_name = stream.table
        self._encode = None if options.dry_run else column_encoder(stream.table, self._spec)

    def close(self) -> None:
        """Close what was kept for the next file. Idempotent."""
        if self._mapped is not None:
            self._mapped.close()

    def refused_suffix(self, kind: FileKind | None) -> str:
        """Return the suffix of the file of refused records of an input of a kind."""
        mapped = self._mapping(kind)
        if mapped is not None:
            return mapped.suffix(kind)
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
                mapped = self._mapping(kind)
                if mapped is not None:
                    return mapped.open(file, kind, rules, place)
                if kind == "json":
                    return self._array(file, records, place)
                table = self._table(file, kind)
                if isinstance(table, CsvTable):
                    table.encode = self._csv_encoder(table, kind)
                return TableFile(table, file, rules, place)
            except BaseException:
                file.close()
                raise

        if not entry.is_file:
            return CopiedStream(StreamBytes(entry.path), open_file)
        return open_file(FileBytes(entry.path, entry.member))

    def _mapping(self, kind: FileKind | None) -> "MappedOpening | None":
        """Return what opens files of a kind through a mapping; None where none is needed."""
        if self._statement is None and kind not in _MAPPED_KINDS:
            return None
        if self._mapped is None:
            # DuckDB takes a tenth of a second to load.
            from utility_ts_analytics.files.sources.mapped_opening import MappedOpening

            self._mapped = MappedOpening(self._statement, self._max_line_bytes)
        return self._mapped

    def _csv_encoder(self, table: CsvTable, kind: FileKind | None) -> CsvEncoder | None:
        """Return what encodes the text of a file at once; None where columns are needed."""
        if self._encode is None:
            return None
        return csv_encoder(
            self._table_name,
            self._spec,
            self._spec.type_for(allow_negative=self._allow_negative),
            names=table.schema.names[1:],
            separator=_SEPARATORS[kind],
            ts_end=self._ts_end,
        )

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
            arguments["sep"] = _SEPARATORS[kind]
        return function.open(file, arguments, self._max_line_bytes)


def _function_of(kind: FileKind | None) -> TableFunction | None:
    """Return the function that opens a file of a kind as a table; None without."""
    return TABLE_FUNCTIONS.get("csv" if kind in _SEPARATORS else str(kind))
