"""The tables that a mapping can read its file as, by name: `FROM csv($path, sep := ';')`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, cast

from utility_ts_analytics.files.tables.columns_table import ColumnsTable
from utility_ts_analytics.files.tables.contract import RecordTable
from utility_ts_analytics.files.tables.csv_table import CsvRules, CsvTable
from utility_ts_analytics.files.tables.file_bytes import FileBytes
from utility_ts_analytics.files.tables.json_tables import JsonArrayTable, JsonDocumentTable
from utility_ts_analytics.files.tables.lines_table import LinesTable, NdjsonTable
from utility_ts_analytics.files.tables.text import TextFile

_LARGEST_DOCUMENT: Final = 67_108_864

Arguments = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class TableFunction:
    """One kind of table.

    Attributes:
        name: In a mapping.
        suffix: As `RecordTable.suffix`.
        open: Returns the table of a file, with the arguments beside the path and the longest line
            in bytes. Raises OperatorError.
        parameters: Beside the path, in order, with their defaults.
    """

    name: str
    suffix: str
    open: Callable[[FileBytes, Arguments, int], RecordTable]
    parameters: Arguments = field(default_factory=dict)


def _csv(file: FileBytes, arguments: Arguments, max_line_bytes: int) -> RecordTable:
    return CsvTable(file, CsvRules(**arguments), max_line_bytes)  # type: ignore[arg-type]


def _lines(file: FileBytes, arguments: Arguments, max_line_bytes: int) -> RecordTable:
    return LinesTable(TextFile(file, cast("str", arguments["encoding"]), max_line_bytes))


def _ndjson(file: FileBytes, _: Arguments, max_line_bytes: int) -> RecordTable:
    return NdjsonTable(TextFile(file, "utf-8", max_line_bytes))


def _json_array(file: FileBytes, _: Arguments, max_line_bytes: int) -> RecordTable:
    return JsonArrayTable(TextFile(file, "utf-8", max_line_bytes))


def _json_document(file: FileBytes, arguments: Arguments, max_line_bytes: int) -> RecordTable:
    text = TextFile(file, "utf-8", max_line_bytes)
    return JsonDocumentTable(text, cast("int", arguments["largest"]))


# The packages of these take long to load, one of them half a second.


def _workbook(file: FileBytes, arguments: Arguments, _: int) -> RecordTable:
    from utility_ts_analytics.files.formats.workbook_table import WorkbookTable

    return WorkbookTable(file, **arguments)  # type: ignore[arg-type]


def _espi(file: FileBytes, _: Arguments, max_line_bytes: int) -> RecordTable:
    from utility_ts_analytics.files.formats.espi_table import EspiTable

    return EspiTable(file)


def _mscons(file: FileBytes, _: Arguments, max_line_bytes: int) -> RecordTable:
    from utility_ts_analytics.files.formats.mscons_table import MsconsTable

    return MsconsTable(file)


def _nem12(file: FileBytes, _: Arguments, max_line_bytes: int) -> RecordTable:
    from utility_ts_analytics.files.formats.nem12_table import Nem12Table

    return Nem12Table(file, max_line_bytes)


_CSV: Final[Arguments] = MappingProxyType(
    {
        "sep": ",",
        "header": True,
        "skip": 0,
        "encoding": "utf-8",
        "quote": '"',
        "ragged": False,
        "strict": True,
    }
)

TABLE_FUNCTIONS: Final[Mapping[str, TableFunction]] = MappingProxyType(
    {
        function.name: function
        for function in (
            TableFunction("csv", "", _csv, _CSV),
            TableFunction("lines", "", _lines, {"encoding": "utf-8"}),
            TableFunction("ndjson", "", _ndjson),
            TableFunction("json_array", ".ndjson", _json_array),
            TableFunction(
                "json_document", ".ndjson", _json_document, {"largest": _LARGEST_DOCUMENT}
            ),
            TableFunction("parquet", ".ndjson", lambda file, *_: ColumnsTable(file, "parquet")),
            TableFunction("arrow", ".ndjson", lambda file, *_: ColumnsTable(file, "arrow")),
            TableFunction(
                "workbook", ".csv", _workbook, {"sheet": None, "skip": 0, "header": True}
            ),
            TableFunction("espi", ".ndjson", _espi),
            TableFunction("mscons", ".ndjson", _mscons),
            TableFunction("nem12", "", _nem12),
        )
    }
)
