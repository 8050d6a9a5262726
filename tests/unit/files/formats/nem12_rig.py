"""NEM12 records, and files of them as tables."""

from datetime import UTC, datetime
from pathlib import Path

from tests.unit.files.format_rig import (
    TableRead,
    file_of,
    mapped,
    read_table,
)

from utility_ts_analytics.files.formats.nem12_table import Nem12Table

LINE_BYTES_MAX = 4_000
HEADER = "100,NEM12,202404080900,MDP1,RETAILER1"
MIDNIGHT = datetime(2024, 4, 6, 14, tzinfo=UTC)
"""2024-04-07 00:00 market time, on the day when Sydney's clocks go back: market time does not."""


def channel(suffix: str, unit: str = "kWh", minutes: int = 30, nmi: str = "NMI0000001") -> str:
    return f"200,{nmi},E1B1Q1K1,1,{suffix},N1,SERIAL7,{unit},{minutes},20240501"


def day(values: object = 1, quality: str = "A", minutes: int = 30, date: str = "20240407") -> str:
    """Return a 300 record: one value for all intervals, or what the values are."""
    cells = values if isinstance(values, list) else [values] * (1440 // minutes)
    return ",".join(["300", date, *map(str, cells), quality, "", "", "20240408010000", ""])


def table_of(tmp_path: Path, name: str, content: str | bytes) -> TableRead:
    return read_table(Nem12Table(file_of(tmp_path, name, content), LINE_BYTES_MAX))


def read(tmp_path: Path, *records: str) -> TableRead:
    return table_of(tmp_path, "r.csv", "\r\n".join((HEADER, *records, "900", "")))


def rows_of(found: TableRead) -> list[dict[str, object]]:
    return mapped("nem12.sql", "nem12($path)", found.table)


def refused_text(found: TableRead) -> str:
    return b"".join(one.text for one in found.refused).decode()
