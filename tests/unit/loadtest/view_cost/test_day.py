"""The days that are sent hold what they say, in the order that they are named after."""

from datetime import UTC, datetime, timedelta

from loadtest.view_cost.day import interval_by_interval, meter_by_meter

MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)


def keys(body: bytes) -> list[tuple[datetime, str]]:
    """Time and meter of each line."""
    found = []
    for line in body.decode().splitlines():
        head, _, rest = line.partition(" ")
        seconds = int(rest.rpartition(" ")[2]) // 10**9
        found.append((datetime.fromtimestamp(seconds, tz=UTC), head.split(",")[1]))
    return found


def test_intervals_come_one_after_the_other_with_corrections_of_yesterday_once_an_hour() -> None:
    day = interval_by_interval(meters=50, intervals=5, parts=2, midnight=MIDNIGHT)
    assert [len(requests) for requests in day.groups] == [3, 2, 2, 2, 3]
    assert day.rows == sum(len(keys(body)) for group in day.groups for body in group) == 254
    for index, group in enumerate(day.groups):
        sent = [key for body in group[:2] for key in keys(body)]
        assert len(set(sent)) == 50
        assert {ts for ts, _ in sent} == {MIDNIGHT + index * timedelta(minutes=15)}
    stored = {key for body in day.before for key in keys(body)}
    assert len(stored) == 50 * 96
    late = keys(day.groups[0][2]) + keys(day.groups[4][2])
    assert len(late) == 4
    assert set(late) <= stored


def test_meters_come_one_after_the_other_each_with_all_of_yesterday() -> None:
    day = meter_by_meter(meters=10, requests=5, midnight=MIDNIGHT)
    bodies = [body for group in day.groups for body in group]
    assert len(bodies) == 5
    assert len(day.groups) == 3
    seen: set[str] = set()
    for body in bodies:
        sent = keys(body)
        meters = {meter for _, meter in sent}
        assert len(sent) == len(set(sent)) == 2 * 96
        assert not seen & meters
        assert {ts.date() for ts, _ in sent} == {(MIDNIGHT - timedelta(days=1)).date()}
        seen |= meters
    assert (len(seen), day.rows) == (10, 960)


def test_a_seed_gives_the_same_bytes_again() -> None:
    first, second = (meter_by_meter(meters=3, requests=2, midnight=MIDNIGHT) for _ in range(2))
    assert first == second
    assert first != meter_by_meter(meters=3, requests=2, midnight=MIDNIGHT, seed=1)
