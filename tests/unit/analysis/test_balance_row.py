from datetime import datetime

import pytest
from tests.unit.analysis.balances import SOUND

from utility_ts_analytics.analysis.balance_row import BalanceRow, balance_row


def test_columns_are_taken_by_their_place() -> None:
    ts = datetime(2024, 6, 3)
    values = (15, 1.0, 2.0, 2.5, 0.5, 16.6, 90.0, 5.0, 10, 9, 1, False, True, 2, False)
    row = balance_row((ts, "F1", *values))

    assert isinstance(row, BalanceRow)
    assert (row.ts, row.feeder_id, row.interval_minutes, row.supplied_kwh) == (ts, "F1", 15, 1.0)
    assert (row.plants_missing, row.topology_events, row.scale_changed) == (True, 2, False)


@pytest.mark.parametrize(
    ("demand", "present", "kwh"),
    [(90.0, 90, 10.0), (90.0, 100, 0.0), (-9.0, 90, 0.0), (None, 0, 0.0)],
)
def test_silent_meters_take_as_much_as_the_others(
    demand: float | None, present: int, kwh: float
) -> None:
    row = SOUND.but(demand_kwh=demand, present_readings=present)

    assert row.unread_kwh == pytest.approx(kwh)
