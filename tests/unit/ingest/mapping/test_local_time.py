"""Times on the wall over both changes of Europe/Berlin 2024, by every rule."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.ingest.mapping import local_time
from utility_ts_analytics.ingest.mapping.faults import Faults
from utility_ts_analytics.ingest.mapping.local_time import Keys, LocalTimes
from utility_ts_analytics.ingest.mapping.model import TimeSection
from utility_ts_analytics.ingest.mapping.zones import zone_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
AUTUMN = datetime(2024, 10, 27, tzinfo=UTC)
"""Midnight of that day in UTC: 02:00 of summer time, after which the hour comes again."""


class Clock:
    """The rules of one file, fed with wall times as texts."""

    def __init__(self, **rules: str) -> None:
        self.notes: dict[str, int] = {}
        section = TimeSection(zone="Europe/Berlin", **rules)  # type: ignore[arg-type]
        self._times = LocalTimes(zone_of("Europe/Berlin"), section, self.notes)

    def read(self, *walls: str, meters: str = "") -> list[datetime | None]:
        """Return the instants; None where a time is refused."""
        moments = [datetime.fromisoformat(wall).replace(tzinfo=UTC) for wall in walls]
        wall = np.array([(moment - EPOCH) // timedelta(microseconds=1) for moment in moments])
        keys = Keys([pa.array(list(meters or "m" * len(walls)))])
        faults = Faults()
        instants = self._times.instants(wall, np.ones(len(wall), np.bool_), keys, faults)
        self.reasons = {
            faults.of_row(index).detail
            for index in np.flatnonzero(~faults.kept(len(wall))).tolist()
        }
        return [
            EPOCH + timedelta(microseconds=int(instant)) if kept else None
            for instant, kept in zip(instants, faults.kept(len(wall)), strict=True)
        ]


def test_whole_day_of_100_quarter_hours_in_order_is_100_instants() -> None:
    clock = Clock(repeated_hour="order")
    start = datetime(2024, 10, 26, 22, tzinfo=UTC)
    instants = [start + timedelta(minutes=15 * step) for step in range(100)]
    # By hand: UTC+2 until 01:00 UTC, then UTC+1.
    walls = [
        (moment + timedelta(hours=2 if moment < AUTUMN + timedelta(hours=1) else 1)).strftime(
            "%Y-%m-%d %H:%M"
        )
        for moment in instants
    ]
    assert walls[8] == walls[12] == "2024-10-27 02:00"
    assert clock.read(*walls) == instants
    assert clock.notes == {"repeated-hour-first": 4, "repeated-hour-second": 4}


def test_whole_day_of_92_quarter_hours_needs_no_rule() -> None:
    start = datetime(2024, 3, 30, 23, tzinfo=UTC)
    instants = [start + timedelta(minutes=15 * step) for step in range(92)]
    change = datetime(2024, 3, 31, 1, tzinfo=UTC)
    walls = [
        (moment + timedelta(hours=1 if moment < change else 2)).strftime("%Y-%m-%d %H:%M")
        for moment in instants
    ]
    assert (walls[7], walls[8]) == ("2024-03-31 01:45", "2024-03-31 03:00")
    clock = Clock()
    assert clock.read(*walls) == instants
    assert clock.notes == {}


REPEATED = [f"2024-10-27 02:{minute}" for minute in ("00", "30", "00", "30")]
FIRST = [AUTUMN, AUTUMN + timedelta(minutes=30)]
SECOND = [moment + timedelta(hours=1) for moment in FIRST]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("order", FIRST + SECOND),
        ("first", FIRST * 2),
        ("second", SECOND * 2),
        ("refuse", [None] * 4),
    ],
)
def test_rules_of_the_repeated_hour(rule: str, expected: list[datetime | None]) -> None:
    clock = Clock(repeated_hour=rule)
    assert clock.read(*REPEATED) == expected
    counted = {
        "order": {"repeated-hour-first": 2, "repeated-hour-second": 2},
        "first": {"repeated-hour-first": 4},
        "second": {"repeated-hour-second": 4},
        "refuse": {},
    }
    assert clock.notes == counted[rule]
    assert ("set time.repeated_hour" in "".join(clock.reasons)) == (rule == "refuse")


def test_order_is_each_meters_own_and_goes_on_over_blocks() -> None:
    clock = Clock(repeated_hour="order")
    first = clock.read(*("2024-10-27 02:00", "2024-10-27 02:00", "2024-10-27 02:30"), meters="aba")
    assert first == [AUTUMN, AUTUMN, FIRST[1]]
    second = clock.read("2024-10-27 02:00", "2024-10-27 02:30", "2024-10-27 02:00", meters="abb")
    assert second == [SECOND[0], FIRST[1], SECOND[0]]


def test_hourly_readings_with_the_same_label_twice_are_the_two_hours() -> None:
    clock = Clock(repeated_hour="order")
    assert clock.read("2024-10-27 02:00", "2024-10-27 02:00") == [AUTUMN, SECOND[0]]


def test_third_pass_is_refused_and_the_next_year_begins_anew() -> None:
    clock = Clock(repeated_hour="order")
    assert clock.read(*REPEATED, "2024-10-27 02:15")[-1] is None
    assert "went back in it twice" in "".join(clock.reasons)
    assert clock.read("2025-10-26 02:15") == [datetime(2025, 10, 26, 0, 15, tzinfo=UTC)]


def test_missing_hour_is_refused_or_shifted() -> None:
    refusing = Clock()
    assert refusing.read("2024-03-31 01:59", "2024-03-31 02:00", "2024-03-31 02:59") == [
        datetime(2024, 3, 31, 0, 59, tzinfo=UTC),
        None,
        None,
    ]
    assert "set time.missing_hour" in "".join(refusing.reasons)
    shifting = Clock(missing_hour="shift")
    assert (
        shifting.read("2024-03-31 02:15", "2024-03-31 03:15")
        == [datetime(2024, 3, 31, 1, 15, tzinfo=UTC)] * 2
    )
    assert shifting.notes == {"missing-hour-shifted": 1}


def test_meters_that_are_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_time, "METERS_MAX", 2)
    clock = Clock(repeated_hour="order")
    clock.read(*REPEATED, meters="abab")
    with pytest.raises(OperatorError, match=r"more than 2 meters .* set time\.repeated_hour"):
        clock.read("2024-10-27 02:00", meters="c")
