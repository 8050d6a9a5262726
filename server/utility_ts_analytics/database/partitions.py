"""How many partitions the tables of a running QuestDB have, and what reading them all maps."""

from dataclasses import dataclass

from utility_ts_analytics.database.pool import Connection, StatementRefused

READER_SETTING = "cairo.inactive.reader.max.open.partitions"
"""Partitions that a reader keeps mapped after its query; QuestDB 9.3.4 has 10000 by default."""


@dataclass(frozen=True, slots=True)
class PartitionedTable:
    """One table.

    Attributes:
        name: As QuestDB spells it.
        partitions: How many there are, >= 0.
        maps_each: Memory maps that reading one of them takes: one per column, two where the values
            differ in length (decision 0025).
    """

    name: str
    partitions: int
    maps_each: int

    @property
    def maps(self) -> int:
        """Memory maps of one query without a time range."""
        return self.partitions * self.maps_each


async def read_partitions(connection: Connection, *, timeout_s: float) -> list[PartitionedTable]:
    """Return the partitioned tables and views, those with the most maps first.

    About 1 ms for each table, 30 ms for one of 8,000 partitions.

    Args:
        connection: Left usable unless the call raises `QuestDBUnavailable`.
        timeout_s: For each query; there are two per table, and one.

    Raises:
        QuestDBUnavailable: No connection, or no answer in time.
        StatementRefused: A table was dropped meanwhile.
    """
    found = []
    for (name,) in await connection.fetch(_TABLES_SQL, timeout_s=timeout_s):
        # QuestDB allows no quote in a name (`test_questdb_allows_no_quote_in_a_table_name`).
        counted = f"SELECT count() FROM table_partitions('{name}')"  # noqa: S608
        [(partitions,)] = await connection.fetch(counted, timeout_s=timeout_s)
        columns = f"SELECT type FROM table_columns('{name}')"  # noqa: S608
        types = [str(type_) for (type_,) in await connection.fetch(columns, timeout_s=timeout_s)]
        maps_each = sum(2 if _is_of_any_length(type_) else 1 for type_ in types)
        found.append(PartitionedTable(str(name), int(str(partitions)), maps_each))
    return sorted(found, key=lambda table: (-table.maps, table.name))


async def read_kept_partitions(connection: Connection, *, timeout_s: float) -> int | None:
    """Return the value of `READER_SETTING`, or None where this QuestDB does not tell it."""
    try:
        rows = await connection.fetch(_SETTING_SQL, timeout_s=timeout_s)
    except StatementRefused:
        return None
    return int(str(rows[0][0])) if rows else None


_TABLES_SQL = "SELECT table_name FROM tables() WHERE partitionBy != 'NONE'"
_SETTING_SQL = f"SELECT value FROM (SHOW PARAMETERS) WHERE property_path = '{READER_SETTING}'"  # noqa: S608


def _is_of_any_length(type_: str) -> bool:
    return type_ in ("VARCHAR", "STRING", "BINARY") or type_.endswith("[]")
