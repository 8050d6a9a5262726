"""A sound balance, and others that differ from it: what depends on the rest is computed."""

import dataclasses
from datetime import datetime

from utility_ts_analytics.analysis.balance_row import BalanceRow


@dataclasses.dataclass(frozen=True)
class Sound:
    """60 kWh supplied, 40 generated, 96 taken, read by all of 100 meters."""

    supplied_kwh: float | None = 60.0
    generation_kwh: float | None = 40.0
    demand_kwh: float | None = 96.0
    estimated_pct: float | None = 0.0
    expected_readings: int = 100
    present_readings: int = 100
    head_nodes_unclear: bool = False
    plants_missing: bool = False
    topology_events: int = 0
    scale_changed: bool = False

    def but(self, **changes: object) -> BalanceRow:
        """The row with these fields changed."""
        fields = {**dataclasses.asdict(self), **changes}
        inputs = [fields[name] for name in ("supplied_kwh", "generation_kwh", "demand_kwh")]
        loss = pct = None
        if None not in inputs:
            supplied, generation, demand = (float(str(value)) for value in inputs)
            loss, put_in = supplied + generation - demand, supplied + generation
            pct = 100 * loss / put_in if put_in > 0 else None
        expected = int(str(fields["expected_readings"]))
        present = int(str(fields["present_readings"]))
        return BalanceRow(
            ts=datetime(2024, 6, 3),
            feeder_id="F1",
            interval_minutes=15,
            loss_kwh=loss,
            loss_pct=pct,
            coverage_pct=100 * present / expected if expected else None,
            estimated_readings=0,
            **fields,
        )


SOUND = Sound()
