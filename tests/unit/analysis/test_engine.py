"""What `Analysis` takes, refuses and keeps; what the questions answer is in `questions`."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from tests.conftest import TestQuestDB
from tests.unit.analysis.questions.question_rig import analysis, rows
from tests.unit.queries.query_rig import store
from tests.unit.queries.tariff_rig import calendar_of

from utility_ts_analytics.analysis.catalogue import (
    all_questions,
    question_names,
    question_of_text,
)
from utility_ts_analytics.analysis.engine import Analysis
from utility_ts_analytics.analysis.sources import Sources
from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.queries.time_range import TimeRange

START = datetime(2024, 6, 4, tzinfo=UTC)
DAY = TimeRange(START, START + timedelta(days=1))
HOUR = timedelta(hours=1)
NOWHERE = Sources(None)
TARIFF = calendar_of("Europe/Berlin")
MINE = question_of_text(
    "mine",
    "-- Which readings are large?\n-- Parameters:\n--   $least = 2.5   kWh\n-- Reads: meter_usage\n"
    "SELECT meter_id, kwh FROM readings WHERE kwh >= $least ORDER BY kwh",
)


@pytest.fixture
def three_meters(questdb: TestQuestDB) -> TestQuestDB:
    """1, 2 and 3 kWh in an hour each."""
    store(
        questdb,
        meter_usage=[
            {"ts": START + number * HOUR, "meter_id": f"m-{number}", "kwh": float(number)}
            for number in (1, 2, 3)
        ],
        meters=[],
        meter_feeder_map=[],
        meter_scale_map=[],
    )
    return questdb


@pytest.mark.parametrize("name", question_names())
def test_without_rows_every_question_answers_with_its_columns(name: str) -> None:
    with Analysis(NOWHERE, DAY, tariff=TARIFF, memory_mib=256) as asked:
        table = asked.ask(name)
    assert table.num_rows == (6 if name == "late_arrivals" else 0)
    head = all_questions()[name].head
    for column in table.column_names:
        assert re.search(rf"\b{column}\b", head), f"{column} is not described"


def test_question_that_is_not_there_is_refused() -> None:
    with (
        Analysis(NOWHERE, DAY) as asked,
        pytest.raises(OperatorError, match="'lod': there is no such question"),
    ):
        asked.ask("lod")


def test_parameter_that_is_not_there_is_refused_with_those_that_are() -> None:
    with (
        Analysis(NOWHERE, DAY) as asked,
        pytest.raises(OperatorError, match="load with by: it takes every, group, zone"),
    ):
        asked.ask("load", by="feeder")


def test_question_of_a_tariff_needs_one() -> None:
    with (
        Analysis(NOWHERE, DAY) as asked,
        pytest.raises(OperatorError, match="time_of_use without a tariff: give --tariff"),
    ):
        asked.ask("time_of_use")


def test_own_text_with_an_unknown_parameter_is_refused() -> None:
    text = question_of_text("mine", "-- Mine?\n-- Reads: meter_usage\nSELECT $least AS a")
    with (
        Analysis(NOWHERE, DAY) as asked,
        pytest.raises(OperatorError, match=r"\$least, which has no default; add a line"),
    ):
        asked.ask(text)


def test_text_that_duckdb_refuses_is_told_in_one_line() -> None:
    text = question_of_text(
        "mine", "-- Mine?\n-- Reads: meter_usage\nSELECT nothing\nFROM readings"
    )
    with Analysis(NOWHERE, DAY) as asked:
        with pytest.raises(OperatorError, match=r"cannot answer mine: .*nothing") as refused:
            asked.ask(text)
        assert "\n" not in str(refused.value)
        assert asked.ask("load").num_rows == 0


@pytest.mark.questdb
@pytest.mark.parametrize(("every", "zone"), [("a while", "UTC"), ("1 day", "Atlantis")])
def test_bad_value_of_a_parameter_is_told(three_meters: TestQuestDB, every: str, zone: str) -> None:
    with analysis(three_meters, DAY) as asked:
        with pytest.raises(OperatorError, match=r"cannot answer load: .*(a while|Atlantis)"):
            rows(asked, "load", every=every, zone=zone)
        assert len(rows(asked, "load")) == 3


@pytest.mark.questdb
def test_own_question_has_the_prelude_and_its_own_parameters(three_meters: TestQuestDB) -> None:
    with analysis(three_meters, DAY) as asked:
        assert rows(asked, "load", "kwh") == [(1.0,), (2.0,), (3.0,)]
        assert asked.ask(MINE).to_pylist() == [{"meter_id": "m-3", "kwh": 3.0}]
        assert asked.ask(MINE, least=2).column("kwh").to_pylist() == [2.0, 3.0]
        # A default holds again where the next question gives no value.
        assert asked.ask(MINE).num_rows == 1


@pytest.mark.questdb
def test_then_selects_from_the_answer(three_meters: TestQuestDB) -> None:
    with analysis(three_meters, DAY) as asked:
        least = asked.ask("load", then="SELECT min(kwh) AS least, count(*) AS n FROM answer")
    assert least.to_pylist() == [{"least": 1.0, "n": 3}]


@pytest.mark.questdb
def test_only_the_meters_that_are_given_count(three_meters: TestQuestDB) -> None:
    store(
        three_meters,
        meters=[
            {"valid_from": START, "meter_id": name, "status": "active"}
            for name in ("m-1", "m-2", "m-9")
        ],
    )
    with analysis(three_meters, DAY, meters=["m-2", "m-9"]) as asked:
        assert rows(asked, "load", "group_name", "kwh", group="meter") == [("m-2", 2.0)]
        complete = rows(asked, "completeness", "meter_id", "present")
        assert complete == [("m-2", 1), ("m-9", 0)]


@pytest.mark.questdb
def test_rows_are_kept_for_the_next_question(three_meters: TestQuestDB) -> None:
    """Also where a question in between needs more tables."""
    with analysis(three_meters, DAY) as asked:
        first = rows(asked, "load")
        three_meters.truncate("meter_usage")
        assert rows(asked, "feeder_balance") == []
        assert rows(asked, "load") == first
        assert set(asked.origins) == {"meter_usage", "generation_output", "network_measurements"}
        assert asked.origins["meter_usage"].fresh_days == 1
    with analysis(three_meters, DAY) as asked:
        assert rows(asked, "load") == []


@pytest.mark.questdb
def test_zone_is_the_given_one_then_that_of_the_tariff_then_utc(three_meters: TestQuestDB) -> None:
    """The days of 01:00, 02:00 and 03:00 UTC: before midnight in New York."""

    def hours(period: TimeRange, zone: str | None, asked_zone: str | None, tariff: bool) -> str:
        given = {"tariff": TARIFF if tariff else None, "zone": zone}
        with analysis(three_meters, period, **given) as asked:
            parameters = {} if asked_zone is None else {"zone": asked_zone}
            [row] = rows(asked, "load", "strftime(ts, '%H')", every="1 day", **parameters)
        return str(row[0])

    assert hours(DAY, None, None, tariff=False) == "00"
    assert hours(DAY, None, None, tariff=True) == "22"
    assert hours(DAY, "America/New_York", None, tariff=True) == "04"
    assert hours(DAY, "America/New_York", "Asia/Kolkata", tariff=True) == "18"


@pytest.mark.questdb
def test_times_say_that_they_are_utc_and_counts_are_integers(three_meters: TestQuestDB) -> None:
    with analysis(three_meters, DAY) as asked:
        assert asked.ask("load").schema.field("ts").type == pa.timestamp("us", tz="UTC")
        complete = asked.ask("completeness").schema
    assert complete.field("local_day").type == pa.date32()
    for name in ("expected", "present", "missing", "off_grid", "doubled", "unexpected"):
        assert complete.field(name).type == pa.int64()


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Analysis(NOWHERE, DAY) as asked:
        asked.ask("load")
        assert list(tmp_path.iterdir())
    assert list(tmp_path.iterdir()) == []
