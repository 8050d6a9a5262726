"""Rows to ILP text, through the client's own row encoder. Pure: no I/O, no clock."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec.structs import asdict

from utility_ts_analytics.records.reading import Reading

if TYPE_CHECKING:
    from questdb._client import Buffer  # the top-level module does not export the type


def encode_rows(buffer: "Buffer", table: str, rows: Sequence[Reading]) -> None:
    """Append one line per row to `buffer`, in order.

    Every text goes as a string field, which the server casts to the column's type (SYMBOL,
    VARCHAR, UUID): one dictionary per row instead of two is the cheapest encoding measured
    (docs/decisions/0003-ilp-row-encoding.md). Null fields are left out and end up as NULL. The
    time stamp is exact to the microsecond whatever its offset.

    Args:
        buffer: Grows as needed.
        table: Table name.
        rows: Valid readings: zone-aware `ts` from 1970 on, no U+0000.
    """
    add = buffer.row
    for row in rows:
        columns = asdict(row)
        add(table, columns=columns, at=columns.pop("ts"))
