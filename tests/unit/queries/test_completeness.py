"""The text of the queries and what they refuse; their results are in the file beside this one."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utility_ts_analytics.queries.completeness import completeness_sql, gaps_sql
from utility_ts_analytics.queries.time_range import TimeRange

START = datetime(2024, 6, 3, 22, tzinfo=UTC)
DAY = TimeRange(START, START + timedelta(days=1))
values = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))


def completeness(time_range: TimeRange, interval_minutes: int, meters: list[str] | None) -> str:
    return completeness_sql(
        time_range, "Europe/Berlin", interval_minutes=interval_minutes, meters=meters
    )


def gaps(time_range: TimeRange, interval_minutes: int, meters: list[str] | None) -> str:
    return gaps_sql(time_range, interval_minutes=interval_minutes, meters=meters)


BUILDERS = (completeness, gaps)
Build = Callable[[TimeRange, int, list[str] | None], str]


def shape(sql: str) -> str:
    """The statement with every text literal blanked: what a value must never change."""
    return re.sub(r"'(?:[^']|'')*'", "?", sql, flags=re.DOTALL)


@given(values)
def test_no_meter_changes_the_statement(meter: str) -> None:
    for build in BUILDERS:
        assert shape(build(DAY, 15, [meter])) == shape(build(DAY, 15, ["m-1"]))


@pytest.mark.parametrize("build", BUILDERS)
@pytest.mark.parametrize("minutes", [0, -15, 5, 45, 90])
def test_other_intervals_are_refused(build: Build, minutes: int) -> None:
    with pytest.raises(ValueError, match="give one of 15, 30, 60"):
        build(DAY, minutes, None)


@pytest.mark.parametrize("build", BUILDERS)
def test_range_of_no_whole_number_of_intervals_is_refused(build: Build) -> None:
    odd = TimeRange(START, START + timedelta(hours=1, minutes=15))

    assert build(odd, 15, None)
    with pytest.raises(ValueError, match="it is no whole number of 30 minutes"):
        build(odd, 30, None)


@pytest.mark.parametrize("build", BUILDERS)
def test_empty_list_of_meters_is_refused(build: Build) -> None:
    with pytest.raises(ValueError, match="cannot query meters: the list is empty"):
        build(DAY, 15, [])


def test_unknown_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="as a time zone"):
        completeness_sql(DAY, "Europe/Berlin' --")
