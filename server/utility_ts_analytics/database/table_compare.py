"""Compares what a table is with what `sql/schema` says. Pure: values in, differences out."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from utility_ts_analytics.database.live_table import LiveTable
from utility_ts_analytics.database.table_spec import ColumnSpec, TableSpec

DifferenceKind = Literal[
    "missing-table",
    "missing-column",
    "column-type",
    "timestamp",
    "not-wal",
    "partitioning",
    "dedup",
    "suspended",
    "extra-column",
]

_NOTES: frozenset[DifferenceKind] = frozenset({"extra-column"})
_LOSES_ROWS: frozenset[DifferenceKind] = frozenset(
    {"missing-table", "missing-column", "not-wal", "dedup", "suspended"}
)


@dataclass(frozen=True, slots=True)
class Difference:
    """One way in which a live table is not what the schema says.

    Attributes:
        table: Name of the live table.
        kind: What differs.
        detail: What is wrong, and what to do about it: one line.
    """

    table: str
    kind: DifferenceKind
    detail: str

    @property
    def is_error(self) -> bool:
        """Whether it has to be put right; False for what does no harm."""
        return self.kind not in _NOTES

    @property
    def loses_rows(self) -> bool:
        """Whether rows written now would be refused, unseen or doubled: none must be taken."""
        return self.kind in _LOSES_ROWS

    def __str__(self) -> str:
        return f"{self.table}: {self.detail}"


def compare(live: Mapping[str, LiveTable], specs: Iterable[TableSpec]) -> list[Difference]:
    """Return every difference, in the order of `specs`; empty if all is well.

    Names of tables and columns are compared without case, as QuestDB does, UPSERT KEYS without
    order. The order of columns does not matter.

    Args:
        live: As `read_tables` returns it, asked for the names of `specs`.
        specs: What the tables have to be; `TableSpec.named` for a table under another name.
    """
    return [
        difference for spec in specs for difference in _compare_table(live.get(spec.name), spec)
    ]


def create_sql(spec: TableSpec) -> str:
    """Return the statement that creates `spec` where there is no such table. One line."""
    columns = ", ".join(
        f"{_quoted(column.name)} {column.type}"
        f"{'' if column.capacity is None else f' CAPACITY {column.capacity}'}"
        for column in spec.columns
    )
    keys = ", ".join(map(_quoted, spec.dedup_keys))
    dedup = f" DEDUP UPSERT KEYS({keys})" if keys else ""
    return (
        f"CREATE TABLE IF NOT EXISTS {_quoted(spec.name)} ({columns}) "
        f"TIMESTAMP({_quoted(spec.timestamp)}) PARTITION BY {spec.partition_by}"
        f"{' WAL' if spec.wal else ''}{dedup}"
    )


def _compare_table(live: LiveTable | None, spec: TableSpec) -> Iterator[Difference]:
    name = spec.name
    if live is None:
        yield Difference(
            name, "missing-table", "the table is missing; run 'ingestion-service schema apply'"
        )
        return
    if live.suspended:
        cause = f" ({live.suspended_cause})" if live.suspended_cause else ""
        yield Difference(
            name,
            "suspended",
            f"the table is suspended{cause}: rows are acknowledged but not visible; remove the "
            f"cause, then run ALTER TABLE {_shown(name)} RESUME WAL",
        )
    if _made_by_ilp(live, spec):
        yield Difference(name, "missing-column", _foreign_table(spec))
        return
    yield from _compare_columns(live, spec)
    yield from _compare_shape(live, spec)


def _made_by_ilp(live: LiveTable, spec: TableSpec) -> bool:
    """Tell whether QuestDB made the table itself, out of lines that had none."""
    names = {column.name.lower() for column in live.columns}
    return live.timestamp == "timestamp" and spec.timestamp.lower() not in names


def _foreign_table(spec: TableSpec) -> str:
    """Return the remedy. Only the operator, who knows the rows, drops a table."""
    old = f"{spec.name}_made_by_ilp"
    return (
        f"column {spec.timestamp} is missing: QuestDB made this table by itself; set "
        "line.auto.create.new.tables=false there, look at its rows, run "
        f"RENAME TABLE {_shown(spec.name)} TO {_shown(old)} or DROP TABLE {_shown(spec.name)}, "
        "then 'ingestion-service schema apply'; a running service refuses rows until then and "
        "goes on by itself"
    )


def _compare_columns(live: LiveTable, spec: TableSpec) -> Iterator[Difference]:
    present = {column.name.lower(): column for column in live.columns}
    for column in spec.columns:
        found = present.pop(column.name.lower(), None)
        if found is None:
            yield Difference(spec.name, "missing-column", _missing_column(column, spec))
        elif found.type.upper() != column.type:
            yield Difference(spec.name, "column-type", _other_type(found, column, spec))
    for extra in present.values():
        yield Difference(
            spec.name,
            "extra-column",
            f"column {extra.name} {extra.type} is not in the schema; it stays as it is",
        )


def _missing_column(column: ColumnSpec, spec: TableSpec) -> str:
    return (
        f"column {column.name} is missing; run ALTER TABLE {_shown(spec.name)} "
        f"ADD COLUMN {_shown(column.name)} {column.type}"
    )


def _other_type(found: ColumnSpec, column: ColumnSpec, spec: TableSpec) -> str:
    what = f"column {found.name} is {found.type}, not {column.type}"
    if column.name == spec.timestamp:
        return f"{what}; {_remake(spec)}"
    return (
        f"{what}; run ALTER TABLE {_shown(spec.name)} ALTER COLUMN {_shown(found.name)} "
        f"TYPE {column.type} (values that do not fit become NULL)"
    )


def _compare_shape(live: LiveTable, spec: TableSpec) -> Iterator[Difference]:
    name = spec.name
    if live.timestamp.lower() != spec.timestamp.lower():
        found = live.timestamp or "none"
        yield Difference(
            name,
            "timestamp",
            f"the designated timestamp is {found}, not {spec.timestamp}; {_remake(spec)}",
        )
    if live.partition_by.upper() != spec.partition_by:
        yield Difference(
            name,
            "partitioning",
            f"it is partitioned by {live.partition_by}, not {spec.partition_by}; {_remake(spec)}",
        )
    if spec.wal and not live.wal:
        yield Difference(name, "not-wal", f"it is not a WAL table; {_to_wal(live, spec)}")
    elif _lower(live.dedup_keys) != _lower(spec.dedup_keys):
        found = f"has keys ({', '.join(live.dedup_keys)})" if live.dedup_keys else "is off"
        yield Difference(
            name,
            "dedup",
            f"DEDUP {found}, so rows sent again would be stored twice or replace others; run "
            f"ALTER TABLE {_shown(name)} DEDUP ENABLE UPSERT KEYS({_names(spec.dedup_keys)}) "
            "(rows already there stay as they are)",
        )


def _to_wal(live: LiveTable, spec: TableSpec) -> str:
    if live.partition_by.upper() == "NONE":
        return _remake(spec)
    return f"run ALTER TABLE {_shown(spec.name)} SET TYPE WAL and restart QuestDB"


def _remake(spec: TableSpec) -> str:
    """Return the way for what cannot be altered. Never while a service writes to the table."""
    old = f"{spec.name}_old"
    return (
        "this cannot be altered: stop the service, run "
        f"RENAME TABLE {_shown(spec.name)} TO {_shown(old)}, run 'ingestion-service schema "
        f"apply', and copy the rows from {old}"
    )


def _lower(names: Iterable[str]) -> set[str]:
    return {name.lower() for name in names}


def _names(names: Iterable[str]) -> str:
    return ", ".join(map(_shown, names))


def _shown(name: str) -> str:
    """Return `name` for a statement that a person will read: in double quotes only if need be."""
    return name if name.isascii() and name.isidentifier() else _quoted(name)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
