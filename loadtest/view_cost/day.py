"""A day of readings as ILP requests, made ahead, in the two orders in which utilities get them."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from loadtest.bench.ilp_lines import ilp_lines
from loadtest.stored_comparison import StoredReading

INTERVALS = 96
_INTERVAL = timedelta(minutes=15)
_DAY = timedelta(days=1)
_LATE_EVERY = 4  # intervals
_LATE_SHARE = 0.04
_REFRESHES_OF_A_NIGHT = 4


@dataclass(frozen=True, slots=True)
class Day:
    """What a turn sends.

    Attributes:
        name: Of the order.
        before: Requests that are stored before the turn begins.
        groups: The requests of the turn; a timer of 15 minutes would fire after each group.
        rows: In `groups`.
        midnight: UTC, when today began.
    """

    name: str
    before: Sequence[bytes]
    groups: Sequence[Sequence[bytes]]
    rows: int
    midnight: datetime


def interval_by_interval(
    *, meters: int, intervals: int, parts: int, midnight: datetime, seed: int = 4711
) -> Day:
    """Return a day on which all meters report each interval as it ends.

    Each interval comes in `parts` requests; once an hour, one meter in 25 corrects an interval of
    yesterday, which is stored before.
    """
    draws = random.Random(seed)
    names = _names(meters)
    yesterday = midnight - _DAY
    before = [_encoded(draws, names, yesterday + k * _INTERVAL) for k in range(INTERVALS)]
    groups, rows = [], intervals * meters
    for index in range(intervals):
        ts = midnight + index * _INTERVAL
        requests = [_encoded(draws, names[part::parts], ts) for part in range(parts)]
        if index % _LATE_EVERY == 0:
            late = draws.sample(names, max(1, int(meters * _LATE_SHARE)))
            rows += len(late)
            times = [yesterday + draws.randrange(INTERVALS) * _INTERVAL for _ in late]
            pairs = zip(late, times, strict=True)
            requests.append(b"".join(_encoded(draws, [name], time) for name, time in pairs))
        groups.append(requests)
    return Day("interval by interval", before, groups, rows, midnight)


def meter_by_meter(*, meters: int, requests: int, midnight: datetime, seed: int = 4712) -> Day:
    """Return a night on which each meter sends all of yesterday at once, `requests` in an hour.

    Nothing is stored before: it is the first that is heard of yesterday.
    """
    draws = random.Random(seed)
    names = _names(meters)
    encoded = [
        b"".join(
            _encoded(draws, names[first::requests], midnight - _DAY + k * _INTERVAL)
            for k in range(INTERVALS)
        )
        for first in range(requests)
    ]
    size = -(-requests // _REFRESHES_OF_A_NIGHT)
    groups = [encoded[first : first + size] for first in range(0, requests, size)]
    return Day("meter by meter", [], groups, meters * INTERVALS, midnight)


def _names(count: int) -> list[str]:
    return [f"M-{number:07}" for number in range(count)]


def _encoded(draws: random.Random, names: Sequence[str], ts: datetime) -> bytes:
    return b"".join(ilp_lines(_readings(draws, names, ts)))


def _readings(draws: random.Random, names: Sequence[str], ts: datetime) -> Iterator[StoredReading]:
    for name in names:
        digits = f"{draws.getrandbits(128):032x}"
        yield StoredReading(
            ts=ts,
            event_id="-".join(
                (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
            ),
            meter_id=name,
            premise_id=name.replace("M", "P"),
            kwh=round(draws.random(), 3),
            kvarh=0.05,
            kva_demand=1.25,
            quality_flag="VALID",
            source_system="HES-1",
        )
