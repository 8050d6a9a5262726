"""A small network: rows of the tables that a balance is made of, and balances of it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from tests.unit.analysis.questions.question_rig import ask
from tests.unit.queries.query_rig import Database, literal

from utility_ts_analytics.analysis.engine import Value
from utility_ts_analytics.queries.time_range import TimeRange

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
HOUR = timedelta(hours=1)
TABLES = (
    "meter_usage",
    "generation_output",
    "network_measurements",
    "meters",
    "plants",
    "meter_feeder_map",
    "plant_feeder_map",
    "meter_scale_map",
    "topology_events",
)
ROWS_PER_INSERT = 250  # a statement is a URL: 64 KiB at most
BALANCE_COLUMNS = (
    "ts",
    "feeder_id",
    "interval_minutes",
    "supplied_kwh",
    "generation_kwh",
    "demand_kwh",
    "loss_kwh",
    "loss_pct",
    "coverage_pct",
    "estimated_pct",
    "expected_readings",
    "present_readings",
    "estimated_readings",
    "head_nodes_unclear",
    "plants_missing",
    "topology_events",
    "scale_changed",
)
Balance = Mapping[str, object]


class Network:
    """Rows to be stored; every method adds some."""

    def __init__(self) -> None:
        self.rows: defaultdict[str, list[dict[str, object]]] = defaultdict(list)

    def meter(
        self,
        meter: str,
        feeder: str,
        since: datetime = LONG_AGO,
        until: datetime | None = None,
    ) -> None:
        """Map a meter to a feeder."""
        self.rows["meter_feeder_map"].append(
            {"valid_from": since, "meter_id": meter, "feeder_id": feeder, "valid_to": until}
        )

    def about(self, meter: str, since: datetime = LONG_AGO, **columns: object) -> None:
        """Add a version of a row of `meters`."""
        self.rows["meters"].append({"valid_from": since, "meter_id": meter, **columns})

    def scale(
        self, meter: str, factor: float, since: datetime = LONG_AGO, until: datetime | None = None
    ) -> None:
        self.rows["meter_scale_map"].append(
            {"valid_from": since, "meter_id": meter, "scale_factor": factor, "valid_to": until}
        )

    def read(
        self, meter: str, *kwh: float | None, at: datetime = NOON, flag: str | None = None
    ) -> None:
        """Add readings of one quarter after the other."""
        self.rows["meter_usage"] += [
            {"ts": at + i * QUARTER, "meter_id": meter, "kwh": value, "quality_flag": flag}
            for i, value in enumerate(kwh)
        ]

    def head(
        self,
        feeder: str,
        *values: float | None,
        at: datetime = NOON,
        node: str = "",
        unit: str = "MW",
        step: timedelta = QUARTER,
    ) -> None:
        """Add mean powers at a node of a feeder, one after the other."""
        self.rows["network_measurements"] += [
            {
                "ts": at + i * step,
                "node_id": node or f"SS-{feeder}",
                "feeder_id": feeder,
                "quantity": "active_power",
                "value": value,
                "unit": unit,
            }
            for i, value in enumerate(values)
        ]

    def plant(self, plant: str, feeder: str, since: datetime = LONG_AGO, **columns: object) -> None:
        """Map a plant to a feeder; with columns, also say what it is."""
        self.rows["plant_feeder_map"].append(
            {"valid_from": since, "plant_id": plant, "feeder_id": feeder}
        )
        if columns:
            self.rows["plants"].append({"valid_from": since, "plant_id": plant, **columns})

    def generate(
        self, plant: str, *mw: float, at: datetime = NOON, unit: str | None = None
    ) -> None:
        self.rows["generation_output"] += [
            {"ts": at + i * QUARTER, "plant_id": plant, "unit_id": unit, "mw": value}
            for i, value in enumerate(mw)
        ]

    def event(self, at: datetime, **columns: object) -> None:
        self.rows["topology_events"].append({"ts": at, "event_type": "opened", **columns})

    def store(self, database: Database) -> None:
        """Make the tables hold these rows and no others."""
        filled = " UNION ALL ".join(f"(SELECT '{t}' AS t, count() AS n FROM {t})" for t in TABLES)
        used = {str(table) for table, count in database.query(filled) if count}
        for table in used:
            database.query(f"TRUNCATE TABLE {table}")
        for table in TABLES:
            for columns, rows in self._by_columns(table).items():
                for first in range(0, len(rows), ROWS_PER_INSERT):
                    values = ", ".join(rows[first : first + ROWS_PER_INSERT])
                    database.query(f"INSERT INTO {table} ({columns}) VALUES {values}")
        for table in used.union(self.rows):
            database.wait_applied(table)

    def _by_columns(self, table: str) -> Mapping[str, list[str]]:
        groups: defaultdict[str, list[str]] = defaultdict(list)
        for row in self.rows[table]:
            groups[", ".join(row)].append(f"({', '.join(map(literal, row.values()))})")
        return groups


def balances(
    database: Database,
    end: datetime = NOON + QUARTER,
    *,
    start: datetime = NOON,
    heads: Mapping[str, Sequence[str]] | None = None,
    **parameters: Value,
) -> dict[tuple[datetime, str], Balance]:
    """The balance by start and feeder."""
    found = ask(
        database,
        "feeder_balance",
        TimeRange(start, end),
        *BALANCE_COLUMNS,
        given={"heads": heads},
        **parameters,
    )
    by_key: dict[tuple[datetime, str], Balance] = {
        row[:2]: dict(zip(BALANCE_COLUMNS, row, strict=True)) for row in found
    }
    assert len(by_key) == len(found), "a row per interval and feeder"
    assert list(by_key) == sorted(by_key)
    return by_key


def only(found: Mapping[tuple[datetime, str], Balance], *columns: str) -> list[object]:
    """Some columns of the only balance."""
    [row] = found.values()
    return [row[column] for column in columns]
