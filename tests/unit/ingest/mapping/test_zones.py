"""The pieces of the wall clock are those of zoneinfo."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from utility_ts_analytics.ingest.mapping.zones import zone_of

EPOCH = datetime(1970, 1, 1)
ZONES = [
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "America/Havana",
    "Africa/Casablanca",
    "Asia/Kolkata",
]
WALLS = st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31))


def micros(wall: datetime) -> int:
    return (wall - EPOCH) // timedelta(microseconds=1)


def offset(zone: ZoneInfo, wall: datetime, fold: int) -> int:
    return (wall.replace(tzinfo=zone, fold=fold).utcoffset() or timedelta()) // timedelta(
        microseconds=1
    )


@given(WALLS, st.sampled_from(ZONES), st.booleans())
@settings(max_examples=300)
def test_offsets_are_those_of_zoneinfo(wall: datetime, name: str, near: bool) -> None:
    """Half of the times are taken near a change, where they matter."""
    zone = zone_of(name)
    if near and len(zone.bounds):
        bound = zone.bounds[zone.piece_of(np.array([micros(wall)]))[0] % len(zone.bounds)]
        wall = EPOCH + timedelta(microseconds=int(bound), minutes=wall.minute - 30)
    [piece] = zone.piece_of(np.array([micros(wall)]))
    reference = ZoneInfo(name)
    # PEP 495: in a gap fold 0 is the offset before it, in an hour that comes twice the first.
    assert zone.first[piece] == offset(reference, wall, 0)
    there = wall.replace(tzinfo=reference).astimezone(UTC).astimezone(reference)
    exists = there.replace(tzinfo=None) == wall
    assert zone.skipped[piece] == (not exists)
    if exists:
        assert zone.second[piece] == offset(reference, wall, 1)


@pytest.mark.parametrize(
    ("name", "hours"), [("+10:00", 10), ("-0330", -3.5), ("UTC", 0), ("Z", 0), ("+00:00", 0)]
)
def test_fixed_offsets_have_one_piece(name: str, hours: float) -> None:
    zone = zone_of(name)
    assert (list(zone.bounds), list(zone.first)) == ([], [hours * 3_600_000_000])


@pytest.mark.parametrize("name", ["Europe/Atlantis", "+15:00", "+10", "", "../passwd", "CEST+1 x"])
def test_unknown_zones_are_refused_with_what_one_looks_like(name: str) -> None:
    with pytest.raises(ValueError, match=r'IANA zone such as "Europe/Berlin", or an offset'):
        zone_of(name)
