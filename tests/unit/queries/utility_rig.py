"""A small utility: rows of four tables, and what a load is by them in plain Python."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from tests.unit.queries.query_rig import LONG_AGO, Database, store_rows

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
HOUR = timedelta(hours=1)
VersionT = TypeVar("VersionT")


@dataclass
class Utility:
    """Rows of the four tables by (time, key), and how to answer from them without SQL."""

    readings: dict[tuple[datetime, str], float] = field(default_factory=dict)
    customer_of: dict[tuple[datetime, str], str] = field(default_factory=dict)
    segment_of: dict[tuple[datetime, str], str] = field(default_factory=dict)
    scale_of: dict[tuple[datetime, str], tuple[float | None, datetime | None]] = field(
        default_factory=dict
    )

    def kwh(self, ts: datetime, meter: str) -> float:
        factor, end = version_at(self.scale_of, meter, ts) or (None, None)
        if factor is None or (end is not None and end <= ts):
            factor = 1.0
        return self.readings[ts, meter] * factor

    def segment(self, ts: datetime, meter: str) -> str | None:
        customer = version_at(self.customer_of, meter, ts)
        return None if customer is None else version_at(self.segment_of, customer, ts)

    def store(self, database: Database) -> None:
        """Make the four tables hold these rows and no others."""
        store_rows(
            database,
            {
                "meter_usage (ts, meter_id, kwh)": [(*k, v) for k, v in self.readings.items()],
                "meters (valid_from, meter_id, customer_id)": [
                    (*k, v) for k, v in self.customer_of.items()
                ],
                "customers (valid_from, customer_id, segment)": [
                    (*k, v) for k, v in self.segment_of.items()
                ],
                "meter_scale_map (valid_from, meter_id, scale_factor, valid_to)": [
                    (*k, *v) for k, v in self.scale_of.items()
                ],
            },
        )


def version_at(
    versions: dict[tuple[datetime, str], VersionT], key: str, ts: datetime
) -> VersionT | None:
    started = [(since, row) for (since, k), row in versions.items() if k == key and since <= ts]
    return max(started, key=lambda version: version[0])[1] if started else None


def one_meter(**segments: datetime) -> Utility:
    """Meter m-1 of customer c-1, one kWh per quarter from 11:00 to 13:00; segments with start."""
    return Utility(
        readings={(NOON + i * QUARTER, "m-1"): 1.0 for i in range(-4, 4)},
        customer_of={(LONG_AGO, "m-1"): "c-1"},
        segment_of={(since, "c-1"): name for name, since in segments.items()},
    )


def random_utility(seed: int) -> Utility:
    """Two days of six meters whose versions start and end on, before and between readings."""
    draw = random.Random(seed)  # noqa: S311 - test data, repeatable
    start = NOON - timedelta(days=1)
    meters, customers = [f"m-{i}" for i in range(6)], [f"c-{i}" for i in range(4)]

    def some_time() -> datetime:
        return start + draw.randrange(-40, 200) * QUARTER + draw.choice([0, 0, 1]) * QUARTER / 2

    utility = Utility()
    for meter in meters:
        for i in range(192):
            if draw.random() < 0.9:
                utility.readings[start + i * QUARTER, meter] = round(draw.uniform(0, 5), 3)
        for _ in range(draw.randrange(4)):
            utility.customer_of[some_time(), meter] = draw.choice(customers)
        for _ in range(draw.randrange(5)):
            factor = draw.choice([None, 0.5, 2.0, 40.0])
            utility.scale_of[some_time(), meter] = factor, draw.choice([None, some_time()])
    for customer in customers:
        for _ in range(draw.randrange(1, 4)):
            utility.segment_of[some_time(), customer] = draw.choice(["household", "solar", "farm"])
    return utility
