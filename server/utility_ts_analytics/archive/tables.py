"""What is archived: which tables by day, which whole, and what QuestDB has of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

from utility_ts_analytics.archive.state import QUERY_TIMEOUT_S, Moment, read_moment
from utility_ts_analytics.clock import Clock
from utility_ts_analytics.database.live_table import LiveTable, read_tables
from utility_ts_analytics.database.pool import Connection
from utility_ts_analytics.database.schema import wait_applied
from utility_ts_analytics.database.table_spec import ColumnSpec, TableSpec, table_specs
from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.records.streams import STREAMS

APPLY_TIMEOUT_S: Final = 120.0
"""Time limit for what was committed before a run to become visible."""

BY_DAY: Final = (
    "meter_usage",
    "generation_output",
    "network_measurements",
    "feeder_energy_balance",
)
WHOLE: Final = (
    "meters",
    "customers",
    "plants",
    "meter_feeder_map",
    "plant_feeder_map",
    "meter_scale_map",
    "topology_events",
    "meter_events",
)
_ORDER: Final[Mapping[str, tuple[str, ...]]] = {
    "network_measurements": ("feeder_id", "node_id", "quantity"),
}
"""Sort order where it differs from the DEDUP keys: rows of a feeder lie together."""

EVENT_ID: Final = "event_id"

_PLAIN: Final = frozenset(
    {"SYMBOL", "VARCHAR", "STRING", "DOUBLE", "FLOAT", "INT", "LONG", "SHORT", "BYTE", "BOOLEAN"}
)
"""Types whose Parquet columns are archived unchanged."""


@dataclass(frozen=True, slots=True)
class ArchiveTable:
    """One table of the archive.

    Attributes:
        name: Of the table in QuestDB and of its folder.
        spec: As `sql/schema` has it, under that name.
        stream: Stream whose readings it holds; None for others.
        by_day: Whether each day (UTC) is a file of its own.
        order: Sort order of the rows of a file.
    """

    name: str
    spec: TableSpec
    stream: str | None
    by_day: bool
    order: tuple[str, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """The business key: at most one row of each in QuestDB."""
        return self.spec.dedup_keys


@dataclass(frozen=True, slots=True)
class LiveState:
    """A table as QuestDB has it now.

    Attributes:
        columns: Those that are archived.
        moment: All that was committed until then is applied.
        days: Days (UTC) with rows, rising; empty for tables that are one file.
    """

    columns: tuple[ColumnSpec, ...]
    moment: Moment
    days: tuple[date, ...]


def archive_tables(stream_tables: Mapping[str, str]) -> list[ArchiveTable]:
    """Return all tables of an archive, those by day first.

    Args:
        stream_tables: Table name by stream, as configured.
    """
    return [
        _table(name, stream_tables.get(name, name), by_day=by_day)
        for names, by_day in ((BY_DAY, True), (WHOLE, False))
        for name in names
    ]


def archived_columns(
    table: ArchiveTable, live: LiveTable, *, event_ids: bool
) -> tuple[ColumnSpec, ...]:
    """Return the columns that are archived, in QuestDB's order.

    All columns of the table; tables by day leave out `event_id` unless `event_ids` is set.

    Raises:
        ValueError: A column has a type that an archive does not hold (arrays, binary).
    """
    columns = []
    for column in live.columns:
        if column.name == EVENT_ID and table.by_day and not event_ids:
            continue
        if column.type not in _PLAIN and column.type not in ("TIMESTAMP", "UUID"):
            raise ValueError(
                f"cannot archive column {column.name} of {table.name}: its type {column.type} has"
                " no place in the archive"
            )
        columns.append(column)
    return tuple(columns)


def column_text(columns: Sequence[ColumnSpec]) -> str:
    """Return names and types in one line: equal exactly if files have the same columns."""
    return ",".join(f"{column.name}:{column.type}" for column in columns)


def columns_of_text(text: str) -> tuple[ColumnSpec, ...]:
    """Return the columns of a `column_text`."""
    pairs = [part.rsplit(":", 1) for part in text.split(",") if part]
    return tuple(ColumnSpec(name, type_) for name, type_ in pairs)


async def read_live(
    connection: Connection, table: ArchiveTable, *, event_ids: bool, clock: Clock
) -> LiveState:
    """Return the state of a table once all that was committed before is visible.

    Args:
        connection: Left usable.
        table: Which.
        event_ids: Whether tables by day keep `event_id`.
        clock: For the wait.

    Raises:
        QuestDBUnavailable: No connection, or no answer in time.
        OperatorError: The table is missing, suspended, behind, or of a shape that an archive does
            not hold.
    """
    # The moment is read first: everything up to it is applied when the wait ends.
    moment = await read_moment(connection, table.name)
    await wait_applied(connection, [table.name], clock=clock, timeout_s=APPLY_TIMEOUT_S)
    live = (await read_tables(connection, [table.name], timeout_s=QUERY_TIMEOUT_S))[table.name]
    missing = {*table.keys, table.spec.timestamp} - {column.name for column in live.columns}
    if missing or live.timestamp != table.spec.timestamp:
        raise OperatorError(
            f"cannot archive {table.name}: it is not what sql/schema says; run ingestion-service"
            " check"
        )
    try:
        columns = archived_columns(table, live, event_ids=event_ids)
    except ValueError as error:
        raise OperatorError(str(error)) from error
    days = await _days_with_rows(connection, table, live.partition_by) if table.by_day else ()
    return LiveState(columns, moment, days)


async def read_partition_days(
    connection: Connection, table: ArchiveTable, partition_by: str
) -> Mapping[str, list[date]]:
    """Return the days with rows of each partition, by the partition's name, oldest first.

    Args:
        connection: Left usable.
        table: Partitioned by `DAY`, `MONTH` or `YEAR`.
        partition_by: Which of these.
    """
    if partition_by != "DAY":
        width = {"MONTH": 7, "YEAR": 4}.get(partition_by)
        if width is None:
            raise OperatorError(
                f"cannot archive {table.name}: it is partitioned by {partition_by}, not by DAY,"
                " MONTH or YEAR"
            )
        named: dict[str, list[date]] = {}
        for day in sorted(await _counted_days(connection, table)):
            named.setdefault(day.isoformat()[:width], []).append(day)
        return named
    rows = await connection.fetch(
        f"SELECT minTimestamp FROM table_partitions('{table.name}') WHERE attached AND numRows > 0",
        timeout_s=QUERY_TIMEOUT_S,
    )
    # By name: 9.3.4 has no times for partitions that it keeps as Parquet. It may split a day into
    # several, as 2024-03-01T180000-000001; together they are the partition of that day.
    names = {str(name)[:10] for (name,) in rows}
    try:
        days = {date.fromisoformat(name) for name in names}
    except ValueError:
        # Seen once, right after a conversion to Parquet: a partition without a name.
        days = await _counted_days(connection, table)
    return {day.isoformat(): [day] for day in sorted(days)}


async def _counted_days(connection: Connection, table: ArchiveTable) -> set[date]:
    ts = table.spec.timestamp
    rows = await connection.fetch(
        f'SELECT "{ts}" AS day, count() AS n FROM "{table.name}" SAMPLE BY 1d ALIGN TO CALENDAR',
        timeout_s=QUERY_TIMEOUT_S,
    )
    return {
        value.replace(tzinfo=UTC).date()
        for value, count in rows
        if isinstance(value, datetime) and int(str(count)) > 0
    }


async def _days_with_rows(
    connection: Connection, table: ArchiveTable, partition_by: str
) -> tuple[date, ...]:
    if partition_by != "DAY":
        return tuple(sorted(await _counted_days(connection, table)))
    partitions = await read_partition_days(connection, table, partition_by)
    return tuple(sorted(day for days in partitions.values() for day in days))


def _table(schema_name: str, name: str, *, by_day: bool) -> ArchiveTable:
    spec = table_specs()[schema_name].named(name)
    keys = tuple(key for key in spec.dedup_keys if key != spec.timestamp)
    order = (*_ORDER.get(schema_name, keys), spec.timestamp)
    stream = schema_name if schema_name in STREAMS else None
    return ArchiveTable(name, spec, stream, by_day, order)
