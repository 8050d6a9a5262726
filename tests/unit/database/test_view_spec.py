"""The text of `sql/views` becomes statements for a table and a zone; nothing else in it moves."""

import pytest

from utility_ts_analytics.database.table_spec import VIEW_DIRECTORIES, schema_files
from utility_ts_analytics.database.view_spec import (
    query_words,
    view_specs,
    views_text,
    zone_of,
)
from utility_ts_analytics.errors import OperatorError


def test_defaults_give_the_files_as_they_are() -> None:
    for file in schema_files(VIEW_DIRECTORIES):
        assert f"-- {file.name}\n{file.read_text()}" in views_text()
    names = [spec.name for spec in view_specs()]
    assert names == ["meter_usage_hourly", "meter_usage_daily", "network_measurements_daily"]


def test_zone_is_in_days_and_periods_and_nowhere_else() -> None:
    hourly, daily, network = view_specs(zone="America/Argentina/Buenos_Aires")
    assert hourly == view_specs()[0]
    for spec in (daily, network):
        assert spec.create_sql.count("TIME ZONE 'America/Argentina/Buenos_Aires'") == 2
        assert "'UTC'" not in spec.create_sql
        assert zone_of(spec.query) == "America/Argentina/Buenos_Aires"
    assert zone_of(hourly.query) == "UTC"


def test_views_are_named_after_the_configured_table_and_read_it() -> None:
    hourly, daily, network = view_specs(meter_table='odd "name" 1')
    assert (hourly.name, daily.name) == ('odd "name" 1_hourly', 'odd "name" 1_daily')
    assert 'FROM "odd ""name"" 1"' in hourly.create_sql
    assert 'odd "name" 1' in daily.query
    assert network == view_specs()[2]


@pytest.mark.parametrize("zone", ["", "Europe/Berlin'", "a b", "../x", "+02:00", "Europe/"])
def test_what_is_no_name_of_a_zone_is_refused_before_it_is_in_sql(zone: str) -> None:
    with pytest.raises(OperatorError, match="time zone"):
        view_specs(zone=zone)


def test_queries_are_compared_by_words_whatever_their_spacing_comments_and_case() -> None:
    daily = view_specs()[1]
    text = daily.create_sql.partition("AS (")[2].rpartition(") PARTITION")[0]
    assert query_words(text.replace("\n", " ").replace("  ", " \n ")) != ()
    assert query_words(text) == daily.query
    assert query_words(text.replace("SUM", "sum").replace("SELECT", "select")) == daily.query
    assert query_words(text.replace("sum(kwh)", "avg(kwh)")) != daily.query
    assert query_words(text.replace("'UTC'", "'utc'")) != daily.query


def test_a_statement_that_creates_no_view_is_refused_with_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "utility_ts_analytics.database.view_spec.VIEW_DIRECTORIES",
        tuple(directory.with_name("schema") for directory in VIEW_DIRECTORIES),
    )
    with pytest.raises(OperatorError, match=r"01_core_timeseries\.sql:\d+: expected CREATE MATER"):
        view_specs()
