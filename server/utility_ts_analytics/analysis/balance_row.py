"""One row of `queries.feeder_balance`, typed."""

from datetime import datetime

from msgspec import Struct

from utility_ts_analytics.database.pool import Row


class BalanceRow(Struct, frozen=True):
    """The balance of one feeder in one interval; fields as `feeder_balance_sql` describes them.

    Attributes:
        ts: UTC; naive as the database's wire has it, aware from typed reads.
    """

    ts: datetime
    feeder_id: str
    interval_minutes: int
    supplied_kwh: float | None
    generation_kwh: float | None
    demand_kwh: float | None
    loss_kwh: float | None
    loss_pct: float | None
    coverage_pct: float | None
    estimated_pct: float | None
    expected_readings: int
    present_readings: int
    estimated_readings: int
    head_nodes_unclear: bool
    plants_missing: bool
    topology_events: int
    scale_changed: bool

    @property
    def unread_kwh(self) -> float:
        """What the meters that were not read took if they took as much as the others, kWh, >= 0.

        0 where the others fed in more than they took: that says nothing about the silent ones.
        """
        if self.demand_kwh is None or not self.present_readings:
            return 0.0
        missing = self.expected_readings - self.present_readings
        return max(0.0, self.demand_kwh * missing / self.present_readings)


def balance_row(row: Row) -> BalanceRow:
    """Return a row of the query's result, whose types are known from its text."""
    return BalanceRow(*row)  # type: ignore[arg-type]
