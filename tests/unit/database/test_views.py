"""The views on a real QuestDB: what changes them, what spoils them, and what is said of that."""

import asyncio
import re
from collections.abc import Iterator, Mapping

import pytest
from tests.conftest import TestQuestDB
from tests.materialized_views import applied_views, checked, refresh, wait_followed, wait_spoilt
from tests.process.stored_tables import until

from utility_ts_analytics.clock import ManualClock
from utility_ts_analytics.database import views
from utility_ts_analytics.database.pool import Connection
from utility_ts_analytics.database.views import apply_views
from utility_ts_analytics.errors import OperatorError

pytestmark = pytest.mark.questdb

HOURLY, DAILY = "meter_usage_hourly", "meter_usage_daily"
BERLIN = "Europe/Berlin"


@pytest.fixture
def berlin(questdb: TestQuestDB) -> Iterator[TestQuestDB]:
    """No readings, and the views with days of Berlin."""
    questdb.truncate("meter_usage", "network_measurements")
    with applied_views(questdb, zone=BERLIN):
        refresh(questdb, "meter_usage", "network_measurements")
        yield questdb
    questdb.truncate("meter_usage", "network_measurements")


def store(questdb: TestQuestDB, *rows: tuple[str, str, float | None]) -> None:
    values = ", ".join(
        f"('{ts}', '{meter}', {'null' if kwh is None else kwh})" for ts, meter, kwh in rows
    )
    questdb.query(f"INSERT INTO meter_usage (ts, meter_id, kwh) VALUES {values}")
    refresh(questdb, "meter_usage")


def quarters(questdb: TestQuestDB, first: str, count: int) -> None:
    """Store `count` readings of 1 kWh of the meter `a`, one per 15 minutes from `first` on."""
    questdb.query(
        "INSERT INTO meter_usage (ts, meter_id, kwh)"
        f" SELECT timestamp_sequence('{first}', 900000000), 'a', 1.0 FROM long_sequence({count})"
    )
    refresh(questdb, "meter_usage")


def rows(questdb: TestQuestDB, view: str) -> list[tuple[object, ...]]:
    """Rows of a view with shorter times."""
    return [(str(ts)[:16], *rest) for ts, *rest in questdb.query(f'SELECT * FROM "{view}"')]


def test_correction_late_row_and_duplicate_change_the_bucket_they_belong_to(
    berlin: TestQuestDB,
) -> None:
    store(berlin, ("2024-06-03T22:00", "a", 1.0), ("2024-06-04T10:15", "a", 2.0))
    store(berlin, ("2024-06-05T10:15", "a", 4.0))
    day = [("2024-06-03T22:00", "a", 3.0, 2), ("2024-06-04T22:00", "a", 4.0, 1)]
    assert rows(berlin, DAILY) == day
    store(berlin, ("2024-06-04T10:15", "a", 2.0))
    assert rows(berlin, DAILY) == day
    store(berlin, ("2024-06-04T10:15", "a", 20.0), ("2024-06-04T10:30", "a", 5.0))
    assert rows(berlin, DAILY) == [("2024-06-03T22:00", "a", 26.0, 3), day[1]]
    assert rows(berlin, HOURLY) == [
        ("2024-06-03T22:00", "a", 1.0, 1),
        ("2024-06-04T10:00", "a", 25.0, 2),
        ("2024-06-05T10:00", "a", 4.0, 1),
    ]


def test_a_null_is_no_energy_and_no_interval(berlin: TestQuestDB) -> None:
    store(berlin, ("2024-06-04T10:00", "a", None), ("2024-06-04T10:15", "b", None))
    store(berlin, ("2024-06-04T10:30", "a", 0.5))
    assert rows(berlin, DAILY) == [
        ("2024-06-03T22:00", "a", 0.5, 1),
        ("2024-06-03T22:00", "b", None, 0),
    ]


@pytest.mark.parametrize(
    ("start", "intervals", "corrected"),
    [
        ("2024-03-30T23:00", 92, ("2024-03-31T00:45", "2024-03-31T01:00")),
        ("2024-10-26T22:00", 100, ("2024-10-27T00:15", "2024-10-27T01:15")),
        ("2024-06-03T22:00", 96, ("2024-06-04T00:15", "2024-06-04T01:15")),
    ],
    ids=["23 h", "25 h", "24 h"],
)
def test_days_have_the_hours_that_their_clock_has(
    berlin: TestQuestDB, start: str, intervals: int, corrected: tuple[str, str]
) -> None:
    """Corrected are the readings on both sides of the change: of the repeated hour, both passes."""
    quarters(berlin, start, intervals + 8)
    whole, part = rows(berlin, DAILY)
    assert whole == (start, "a", float(intervals), intervals)
    assert part[1:] == ("a", 8.0, 8)
    for number, ts in enumerate(corrected, 1):
        store(berlin, (ts, "a", 11.0))
        assert rows(berlin, DAILY)[0] == (start, "a", intervals + number * 10.0, intervals)


def test_today_is_in_the_hours_and_not_yet_in_the_days(berlin: TestQuestDB) -> None:
    berlin.query("INSERT INTO meter_usage (ts, meter_id, kwh) SELECT systimestamp(), 'a', 1.0")
    refresh(berlin, "meter_usage")
    assert [row[1:] for row in rows(berlin, HOURLY)] == [("a", 1.0, 1)]
    assert rows(berlin, DAILY) == []
    assert checked(berlin)[DAILY].ok


def test_applying_again_changes_nothing_and_another_zone_is_told(berlin: TestQuestDB) -> None:
    store(berlin, ("2024-06-04T10:15", "a", 2.0))
    before = berlin.query("SELECT view_name, view_table_dir_name FROM materialized_views()")
    again = asyncio.run(apply_views(berlin.pg_uri, meter_table="meter_usage", zone=BERLIN))
    assert all(finding.ok for finding in again)
    hourly, *daily = asyncio.run(apply_views(berlin.pg_uri, meter_table="meter_usage", zone="UTC"))
    assert hourly.ok
    for finding in daily:
        assert not finding.ok
        assert "days of Europe/Berlin, not of UTC" in finding.text
        assert "--zone UTC" in finding.text
    after = berlin.query("SELECT view_name, view_table_dir_name FROM materialized_views()")
    assert after == before
    # `check` does not know what zone was meant: any is right.
    assert all(finding.ok for finding in checked(berlin).values())
    assert f"valid, days of {BERLIN}, last refreshed at 20" in checked(berlin)[DAILY].text
    assert "0 transactions of meter_usage behind" in checked(berlin)[HOURLY].text


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        ("TRUNCATE TABLE meter_usage", "truncate operation"),
        ("UPDATE meter_usage SET kwh = 9.0", "update operation"),
        ("ALTER TABLE meter_usage DROP PARTITION LIST '2024-06-04'", "drop partition operation"),
    ],
    ids=["truncate", "update", "drop partition"],
)
def test_spoilt_view_fails_the_check_and_its_remedy_puts_it_right(
    berlin: TestQuestDB, spoil: str, reason: str
) -> None:
    store(berlin, ("2024-06-04T10:15", "a", 2.0), ("2024-06-06T10:15", "a", 3.0))
    berlin.query(spoil)
    wait_spoilt(berlin, HOURLY, DAILY)
    for view in (HOURLY, DAILY):
        finding = checked(berlin)[view]
        assert f"invalid ({reason}): its figures are those of 20" in finding.text
        [remedy] = re.findall(r"REFRESH MATERIALIZED VIEW \S+ FULL", finding.text)
        berlin.query(remedy)
        wait_followed(berlin, view)
        assert checked(berlin)[view].ok
        [(kwh,)] = berlin.query(f"SELECT sum(kwh) FROM {view}")
        assert [(kwh,)] == berlin.query("SELECT sum(kwh) FROM meter_usage")


def test_suspended_view_fails_the_check_and_its_remedy_puts_it_right(berlin: TestQuestDB) -> None:
    berlin.query(f"ALTER MATERIALIZED VIEW {DAILY} SUSPEND WAL")
    wait_spoilt(berlin, DAILY)
    [remedy] = re.findall(r"ALTER MATERIALIZED VIEW \S+ RESUME WAL", checked(berlin)[DAILY].text)
    berlin.query(remedy)
    until(lambda: checked(berlin)[DAILY].ok, "the view is whole again")


def test_other_view_under_one_of_our_names_is_told(questdb: TestQuestDB) -> None:
    questdb.query(
        f"CREATE MATERIALIZED VIEW {HOURLY} AS"
        " (SELECT ts, meter_id, max(kwh) + 1 AS kwh FROM meter_usage SAMPLE BY 1h) PARTITION BY DAY"
    )
    try:
        finding = checked(questdb)[HOURLY]
        assert not finding.ok
        assert "another view than that of sql/views" in finding.text
        assert f'DROP MATERIALIZED VIEW "{HOURLY}"' in finding.text
    finally:
        questdb.query(f"DROP MATERIALIZED VIEW {HOURLY}")


def test_no_views_no_findings(questdb: TestQuestDB) -> None:
    assert checked(questdb) == {}


@pytest.mark.parametrize(
    ("table", "zone", "words"),
    [
        ("meter_usage", "Europe/Berlim", "invalid timezone"),
        ("no_such_table", "UTC", "table does not exist"),
    ],
)
def test_unknown_zone_and_missing_table_are_named(
    questdb: TestQuestDB, table: str, zone: str, words: str
) -> None:
    with (
        pytest.raises(OperatorError, match=words),
        applied_views(questdb, meter_table=table, zone=zone),
    ):
        pass


class SteppingClock(ManualClock):
    """Passes time by itself whenever somebody waits."""

    async def sleep(self, duration_s: float) -> None:
        self.advance(duration_s)


@pytest.mark.parametrize("looks", [2, 10**6], ids=["listed late", "never listed"])
def test_view_that_is_not_listed_at_once_is_looked_for_again_within_bounds(
    questdb: TestQuestDB, monkeypatch: pytest.MonkeyPatch, looks: int
) -> None:
    """QuestDB 9.3.4 under load lists a new view some 35 ms after it has created it."""
    count = 0

    async def read_late(connection: Connection) -> Mapping[str, views.LiveView]:
        nonlocal count
        count += 1
        live = await read_views(connection) if count in {1, looks} else {}
        return {name: view for name, view in live.items() if count > 1 or name != DAILY}

    read_views = views.read_views
    with applied_views(questdb):
        monkeypatch.setattr(views, "read_views", read_late)
        applying = views.apply_views(
            questdb.pg_uri, meter_table="meter_usage", zone="UTC", clock=SteppingClock()
        )
        if looks == 2:
            assert len(asyncio.run(applying)) == 3
            assert count == 2
        else:
            with pytest.raises(OperatorError, match=r"meter_usage_daily.* not list it within 30 s"):
                asyncio.run(applying)
            assert 600 <= count <= 602
