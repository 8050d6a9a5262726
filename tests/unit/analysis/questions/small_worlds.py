"""Small utilities drawn at random, and what holds in them when, in plain Python."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from utility_ts_analytics.queries.time_range import TimeRange

MINUTE = timedelta(minutes=1)
QUARTER = timedelta(minutes=15)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
CHANGES = (
    ("Europe/Berlin", datetime(2024, 3, 31, 1, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2024, 10, 27, 1, tzinfo=UTC)),
    ("America/New_York", datetime(2024, 3, 10, 7, tzinfo=UTC)),
    ("America/New_York", datetime(2024, 11, 3, 6, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2024, 4, 6, 15, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2024, 10, 5, 15, 30, tzinfo=UTC)),
    ("Asia/Kolkata", datetime(2024, 5, 5, 18, 30, tzinfo=UTC)),
    ("Africa/Casablanca", datetime(2024, 4, 14, 2, tzinfo=UTC)),
)
"""Zones, and when their clocks change or a day begins."""

Reference = dict[str, Any]


@dataclass
class World:
    """Rows by table, over a period of whole quarter hours around a change of clocks."""

    zone: str
    period: TimeRange
    tables: dict[str, list[Reference]]

    @property
    def quarters(self) -> list[datetime]:
        count = (self.period.end - self.period.start) // QUARTER
        return [self.period.start + number * QUARTER for number in range(count)]

    @property
    def readings(self) -> list[Reference]:
        """Those of the period."""
        return [
            row
            for row in self.tables["meter_usage"]
            if self.period.start <= row["ts"] < self.period.end
        ]

    def holding(self, table: str, key: str, name: object, at: datetime) -> Reference | None:
        """The row of a reference table that holds for a key at a time."""
        begun = [r for r in self.tables[table] if r[key] == name and r["valid_from"] <= at]
        latest = max(begun, key=lambda row: row["valid_from"], default=None)
        if latest is None or (latest.get("valid_to") or datetime.max.replace(tzinfo=UTC)) <= at:
            return None
        return latest

    def has(self, table: str, key: str, name: str) -> bool:
        return any(row[key] == name for row in self.tables[table])

    def feeder(self, meter: str, at: datetime) -> str | None:
        row = self.holding("meter_feeder_map", "meter_id", meter, at)
        return None if row is None else row["feeder_id"]

    def segment(self, meter: str, at: datetime) -> str | None:
        row = self.holding("meters", "meter_id", meter, at)
        customer = row and self.holding("customers", "customer_id", row["customer_id"], at)
        return None if customer is None else customer["segment"]

    def kwh(self, reading: Reference) -> float | None:
        """Scaled."""
        if reading["kwh"] is None:
            return None
        row = self.holding("meter_scale_map", "meter_id", reading["meter_id"], reading["ts"])
        factor = None if row is None else row["scale_factor"]
        return float(reading["kwh"] * (1.0 if factor is None else factor))

    def is_known(self, meter: str, at: datetime) -> bool:
        """Whether readings are expected of a meter at a time."""
        if self.has("meters", "meter_id", meter):
            row = self.holding("meters", "meter_id", meter, at)
            return row is not None and in_service(row)
        if self.has("meter_feeder_map", "meter_id", meter):
            return self.holding("meter_feeder_map", "meter_id", meter, at) is not None
        return any(reading["meter_id"] == meter for reading in self.readings)


def in_service(row: Reference | None) -> bool:
    status = None if row is None else row["status"]
    return status is None or status.lower() not in {"inactive", "removed", "retired"}


def world_of(seed: int) -> World:
    """Meters, customers, feeders and factors change, readings are missing, odd and unknown."""
    draw = random.Random(seed)  # noqa: S311 - test data, repeatable
    zone, change = CHANGES[seed % len(CHANGES)]
    start = change - draw.randrange(1, 60) * QUARTER
    period = TimeRange(start, start + draw.randrange(60, 130) * QUARTER)
    meters = [f"m-{number}" for number in range(5)]
    customers = ["c-0", "c-1", "c-2"]

    def moments(most: int) -> list[datetime]:
        """Some long ago, some on a quarter, some beside it."""
        inside = (period.end - period.start) / QUARTER
        drawn = {LONG_AGO} if draw.random() < 0.8 else set[datetime]()
        for _ in range(draw.randrange(most)):
            beside = draw.choice((0, 0, 0, 7, 15 * 30)) * MINUTE / 30
            drawn.add(start + draw.randrange(-4, int(inside) + 4) * QUARTER + beside)
        return sorted(drawn)

    return World(
        zone,
        period,
        {
            "meters": [
                {
                    "valid_from": since,
                    "meter_id": meter,
                    "customer_id": draw.choice((*customers, None)),
                    "status": draw.choice(("active", "active", None, "removed", "Inactive")),
                }
                for meter in meters[:4]
                for since in moments(3)
            ],
            "customers": [
                {
                    "valid_from": since,
                    "customer_id": customer,
                    "segment": draw.choice(("house", "farm", None)),
                }
                for customer in customers
                for since in moments(3)
            ],
            **_maps(draw, meters, moments),
            "meter_usage": _readings(draw, [*meters, "unknown"], period),
            **_feeds(draw, period),
        },
    )


def _maps(
    draw: random.Random, meters: Sequence[str], moments: Callable[[int], list[datetime]]
) -> dict[str, list[Reference]]:
    """Feeders and factors; some end by themselves, before the next one begins or after."""

    def end() -> datetime | None:
        return draw.choice((None, None, *moments(2)[-1:]))

    return {
        "meter_feeder_map": [
            {
                "valid_from": since,
                "meter_id": meter,
                "feeder_id": draw.choice(("F1", "F2")),
                "valid_to": end(),
            }
            for meter in meters
            for since in moments(3)
        ],
        "meter_scale_map": [
            {
                "valid_from": since,
                "meter_id": meter,
                "scale_factor": draw.choice((None, -1.0, 2.0, 40.0)),
                "valid_to": end(),
            }
            for meter in meters[1:]
            for since in moments(3)
        ],
    }


def _readings(draw: random.Random, meters: Sequence[str], period: TimeRange) -> list[Reference]:
    found: dict[tuple[datetime, str], Reference] = {}
    for meter in meters:
        missing = draw.choice((0.0, 0.02, 0.3, 0.95))
        ts = period.start - 4 * QUARTER
        while ts < period.end + 4 * QUARTER:
            times = [] if draw.random() < missing else [ts]
            if draw.random() < 0.03:
                times.append(ts + draw.randrange(1, 900) * MINUTE / 60)
            for at in times:
                kwh = None if draw.random() < 0.02 else float(draw.randrange(50)) / 8
                flag = draw.choice((None, "VALID", "estimated", "E"))
                row = {"ts": at, "meter_id": meter, "kwh": kwh, "quality_flag": flag}
                found[at, meter] = row
            ts += QUARTER
    return list(found.values())


def _feeds(draw: random.Random, period: TimeRange) -> dict[str, list[Reference]]:
    """Heads of F1 and F2, the latter with two nodes in some worlds; one plant, on F1."""
    nodes = [("n-1", "F1"), ("n-2", "F2"), *([("n-3", "F2")] if draw.random() < 0.3 else [])]
    quarters = [
        period.start + number * QUARTER
        for number in range(-4, (period.end - period.start) // QUARTER + 4)
    ]
    heads = [
        {
            "ts": ts,
            "node_id": node,
            "feeder_id": feeder,
            "quantity": "active_power",
            "value": draw.randrange(-100, 400) / 4,
            "unit": "kW",
        }
        for node, feeder in nodes
        for ts in quarters
        if draw.random() < 0.9
    ]
    generated = [
        {"ts": ts, "plant_id": "p", "unit_id": unit, "mw": draw.randrange(64) / 1024}
        for ts in quarters
        for unit in ("u-1", "u-2", None)
        if draw.random() < (0.3 if unit is None else 0.8)
    ]
    return {
        "network_measurements": heads,
        "generation_output": generated,
        "plants": [{"valid_from": LONG_AGO, "plant_id": "p", "units": 2, "status": "active"}],
        "plant_feeder_map": [{"valid_from": LONG_AGO, "plant_id": "p", "feeder_id": "F1"}],
    }
