"""The text of the queries and what they refuse; their results are in the file beside this one."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.queries.tariff_rig import calendar_of

from utility_ts_analytics.queries.tariff_calendar import Season, TariffCalendar, Window
from utility_ts_analytics.queries.time_of_use import time_of_use_sql, typical_day_sql
from utility_ts_analytics.queries.time_range import TimeRange

START = datetime(2024, 5, 1, tzinfo=UTC)
DAY = TimeRange(START, START + timedelta(days=1))
BERLIN = calendar_of("Europe/Berlin")
BUILDERS = (time_of_use_sql, typical_day_sql)
values = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))
names = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=64)


def shape(sql: str) -> str:
    """The statement with every text literal blanked: what a value must never change."""
    return re.sub(r"'(?:[^']|'')*'", "?", sql, flags=re.DOTALL)


def flat(season: str, period: str) -> TariffCalendar:
    all_day = (Window(period, 0, 1440),)
    days: dict[Any, Any] = {"weekday": all_day, "saturday": all_day, "sunday": all_day}
    return TariffCalendar("UTC", (Season(season, (1, 1), (12, 31), days),))


@pytest.mark.parametrize("build", BUILDERS)
def test_equal_questions_give_equal_text(build: Any) -> None:
    assert build(BERLIN, DAY) == build(BERLIN, DAY)


@given(values)
def test_no_meter_changes_the_statement(meter: str) -> None:
    for build in BUILDERS:
        plain = build(BERLIN, DAY, meters=["m-1"])
        assert shape(build(BERLIN, DAY, meters=[meter])) == shape(plain)


@given(names, names)
def test_no_name_of_the_tariff_changes_the_statement(season: str, period: str) -> None:
    plain = time_of_use_sql(flat("s", "p"), DAY)

    assert shape(time_of_use_sql(flat(season, period), DAY)) == shape(plain)


@pytest.mark.parametrize("build", BUILDERS)
@pytest.mark.parametrize("by", ["", "feeder", "meter_id", "meter; DROP TABLE meters"])
def test_other_keys_are_refused(build: Any, by: str) -> None:
    with pytest.raises(ValueError, match="cannot add up by"):
        build(BERLIN, DAY, by=by)


@pytest.mark.parametrize("build", BUILDERS)
def test_empty_list_of_meters_is_refused(build: Any) -> None:
    with pytest.raises(ValueError, match="cannot query meters: the list is empty"):
        build(BERLIN, DAY, meters=[])


@pytest.mark.parametrize("minutes", [0, 5, 45, 1440])
def test_other_slots_are_refused(minutes: int) -> None:
    with pytest.raises(ValueError, match="cannot make slots of"):
        typical_day_sql(BERLIN, DAY, slot_minutes=minutes)
