"""The report of the sample week, figure by figure, against DuckDB on the raw files."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

import pytest
from tests.unit.analysis.live_sources import sources
from tests.unit.analysis.report.sample_oracle import SAMPLES, SampleOracle

from utility_ts_analytics.analysis.report.assembly import ReportRequest, make_report
from utility_ts_analytics.analysis.report.content import Report, Section, Table
from utility_ts_analytics.analysis.sources import Sources
from utility_ts_analytics.clock import ManualClock
from utility_ts_analytics.errors import QuestDBUnavailable
from utility_ts_analytics.queries.tariff_calendar import Season, TariffCalendar, Window
from utility_ts_analytics.queries.time_range import TimeRange

UTC_ZONE = ZoneInfo("UTC")
NOW_NS = 1_732_000_000_000_000_000
"""19 November 2024."""


class Database(Protocol):
    @property
    def pg_uri(self) -> str: ...

    @property
    def http_port(self) -> int: ...

    def query(self, sql: str) -> Sequence[Sequence[object]]: ...

    def truncate(self, *tables: str) -> None: ...

    def wait_applied(self, table: str) -> None: ...


def _peak_tariff() -> TariffCalendar:
    def day(*, peak: bool) -> tuple[Window, ...]:
        if not peak:
            return (Window("off-peak", 0, 1440),)
        return (
            Window("off-peak", 0, 1020),
            Window("peak", 1020, 1260),
            Window("off-peak", 1260, 1440),
        )

    windows = {"weekday": day(peak=True), "saturday": day(peak=False), "sunday": day(peak=False)}
    return TariffCalendar("Europe/Berlin", (Season("all year", (1, 1), (12, 31), windows),))  # type: ignore[arg-type] # its keys are day types


def _report(database: Database, request: ReportRequest) -> Report:
    return make_report(sources(database), request, clock=ManualClock(wall_ns=NOW_NS))


@pytest.fixture(scope="module")
def oracle() -> SampleOracle:
    return SampleOracle()


@pytest.fixture(scope="module")
def report(sample_questdb: Database) -> Report:
    return _report(sample_questdb, ReportRequest(None, UTC_ZONE, _peak_tariff()))


def _section(report: Report, key: str) -> Section:
    return next(section for section in report.sections if section.key == key)


def _number(text: str) -> float:
    return float(text.replace(",", "").replace("\N{MINUS SIGN}", "-"))


def _column(table: Table, name: str) -> dict[str, float]:
    place = list(table.columns).index(name)
    return {row[0]: _number(row[place]) for row in table.rows}


pytestmark = pytest.mark.questdb


def test_period_is_the_last_full_week_of_the_data(report: Report) -> None:
    assert report.title == "Readings of 3 to 9 June 2024"
    facts = dict(report.facts)
    assert facts["Period"] == "2024-06-03 00:00 +0000 to 2024-06-10 00:00 +0000"
    assert facts["Readings"] == "every 15 minutes"
    assert facts["Made"].startswith("2024-11-19 07:06")


def test_load_is_that_of_the_files(report: Report, oracle: SampleOracle) -> None:
    section = _section(report, "load")
    [table] = section.tables
    assert len(table.rows) == 168
    for name, segment in (
        ("all meters", None),
        ("residential", "residential"),
        ("commercial", "commercial"),
    ):
        wanted = {f"{ts:%Y-%m-%d %H:%M} +0000": kw for ts, kw in oracle.hourly_kw(segment).items()}
        assert _column(table, f"{name}, kW") == pytest.approx(wanted, abs=0.051)
    top_ts, top_kw = max(oracle.hourly_kw().items(), key=lambda entry: entry[1])
    assert f"peaked at {top_kw:.0f} kW on {top_ts:%a %-d %B, %H:%M}" in section.finding


def test_losses_are_those_of_the_files(report: Report, oracle: SampleOracle) -> None:
    section = _section(report, "losses")
    totals, days = section.tables
    wanted = oracle.losses()
    for place, name in enumerate(("Head, kWh", "Generation, kWh", "Meters, kWh", "Losses, kWh")):
        assert _column(totals, name) == pytest.approx(
            {feeder: row[place] for feeder, row in wanted.items()}, abs=0.051
        )
    lost, entered = sum(r[3] for r in wanted.values()), sum(r[0] + r[1] for r in wanted.values())
    assert section.figure is not None
    assert section.figure.value == f"{100 * lost / entered:.1f} %"
    assert section.finding.startswith(f"{lost:.0f} kWh of {entered:,.0f} kWh were lost, ")
    assert len(days.rows) == 3 * 7
    assert sum(_number(row[5]) for row in days.rows) == pytest.approx(lost, abs=1.1)


def test_losses_without_gaps_are_close_to_those_built_in(report: Report) -> None:
    built_in = json.loads((SAMPLES / "expected.json").read_text())["feeders"]
    found = _column(_section(report, "losses").tables[0], "Without gaps, kWh")
    assert found == pytest.approx(
        {feeder: figures["loss_kwh"] for feeder, figures in built_in.items()}, abs=0.5
    )


def test_tariff_and_typical_day_are_those_of_the_files(
    report: Report, oracle: SampleOracle
) -> None:
    energy, day = _section(report, "tariff").tables
    peak = "dayofweek(local) BETWEEN 1 AND 5 AND hour(local) BETWEEN 17 AND 20"
    assert _column(energy, "peak, kWh") == pytest.approx(oracle.segment_kwh(peak), abs=0.051)
    assert _column(energy, "off-peak, kWh") == pytest.approx(
        oracle.segment_kwh(f"NOT ({peak})"), abs=0.051
    )
    noon = {row[1]: _number(row[3]) for row in day.rows if (row[0], row[2]) == ("weekday", "12:00")}
    assert noon == pytest.approx(
        {name: oracle.typical_kw(name, "12:00") for name in ("residential", "commercial")},
        abs=0.006,
    )


def test_peaks_are_those_of_the_files(report: Report, oracle: SampleOracle) -> None:
    section = _section(report, "peaks")
    assert _column(section.tables[0], "Own peak, kW") == pytest.approx(
        oracle.feeder_peaks(), abs=0.051
    )
    ts, kw = oracle.system_peak()
    assert f"peaked at {kw:.0f} kW on {ts:%a %-d %B, %H:%M}" in section.finding
    shared = _column(section.tables[0], "At the common peak, kW")
    assert sum(shared.values()) == pytest.approx(kw, abs=0.16)


def test_generation_is_that_of_the_files(report: Report, oracle: SampleOracle) -> None:
    plants, days = _section(report, "generation").tables
    factors = {plant: 100 * share for plant, share in oracle.capacity_factors().items()}
    assert _column(plants, "Capacity factor, %") == pytest.approx(factors, abs=0.0051)
    by_fuel: dict[str, float] = {}
    for _day, fuel, mwh in days.rows:
        by_fuel[fuel] = by_fuel.get(fuel, 0.0) + _number(mwh)
    assert by_fuel == pytest.approx(oracle.fuel_mwh(), abs=0.004)


def test_gaps_are_those_of_the_files(report: Report, oracle: SampleOracle) -> None:
    section = _section(report, "gaps")
    found = {(row[0], row[1]): int(row[4]) for row in section.tables[0].rows}
    assert found == oracle.missing()
    assert section.finding.startswith("12 readings of 134,400: 99.99 % are there. 2 of 200 meters")


def test_estimated_readings_are_those_of_the_files(report: Report, oracle: SampleOracle) -> None:
    [table] = _section(report, "estimated").tables
    found = {row[0]: (int(_number(row[1])), int(_number(row[2]))) for row in table.rows}
    assert found == oracle.estimated()


def test_local_weeks_begin_at_local_midnight(sample_questdb: Database) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    report = _report(sample_questdb, ReportRequest(None, berlin))
    assert dict(report.facts)["Period"] == "2024-06-03 00:00 +0200 to 2024-06-10 00:00 +0200"
    # The sample begins two hours into that week.
    finding = _section(report, "gaps").finding
    assert finding.startswith(f"{200 * 8 + 12:,} readings of 134,400")
    assert "No tariff was given" in " ".join(_section(report, "tariff").notes)


def test_month_is_sampled_by_the_hour_and_a_year_by_the_day(sample_questdb: Database) -> None:
    start = datetime(2024, 6, 1, tzinfo=UTC)
    for days, rows in ((30, 168), (365, 7)):
        period = TimeRange(start, start + timedelta(days=days))
        report = _report(sample_questdb, ReportRequest(period, UTC_ZONE))
        assert len(_section(report, "load").tables[0].rows) == rows
        gaps = _section(report, "gaps")
        assert gaps.tables
        assert len({row[1] for row in gaps.tables[0].rows}) <= 62
        assert "the 24 meters" in gaps.pictures[0].title


def test_period_without_data_says_so_in_every_section(sample_questdb: Database) -> None:
    period = TimeRange(datetime(2020, 1, 6, tzinfo=UTC), datetime(2020, 1, 13, tzinfo=UTC))
    report = _report(sample_questdb, ReportRequest(period, UTC_ZONE))
    assert all(section.finding for section in report.sections)
    assert not any(section.pictures for section in report.sections)


def test_empty_database_gives_a_report_that_says_why(questdb: Database) -> None:
    questdb.truncate(
        *("meter_usage", "generation_output", "network_measurements", "meters", "customers"),
        *("plants", "meter_feeder_map", "plant_feeder_map", "meter_scale_map"),
    )
    report = _report(questdb, ReportRequest(None, UTC_ZONE))
    assert report.title == "Readings of 11 to 17 November 2024"
    findings = {section.key: section.finding for section in report.sections}
    assert findings == {
        "load": "No reading in meter_usage lies in this period.",
        "losses": "Not known: no meter or plant is mapped to a feeder, and no feeder head"
        " measured.",
        "tariff": "Not known: no reading of a meter with a customer lies in this period.",
        "peaks": "No reading of a meter with a feeder lies in this period.",
        "generation": "Not known: no row in generation_output lies in this period.",
        "gaps": "Not known: no meter should have been read in this period.",
        "estimated": "Not known: no reading lies in this period.",
    }


def test_database_that_is_away_is_an_error() -> None:
    request = ReportRequest(None, UTC_ZONE)
    away = Sources(None, server=None, pg_uri="postgresql://a:b@127.0.0.1:9/qdb")
    with pytest.raises(QuestDBUnavailable, match="cannot connect"):
        make_report(away, request, clock=ManualClock())
