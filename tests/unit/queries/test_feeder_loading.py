"""Loading of small networks, computed by hand; that of the sample is with its balance."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.queries.feeder_rig import (
    HOUR,
    NOON,
    QUARTER,
    Database,
    Network,
    instant,
    shape,
)

from utility_ts_analytics.queries.feeder_loading import feeder_loading_sql
from utility_ts_analytics.queries.time_range import TimeRange

TWO_HOURS = TimeRange(NOON, NOON + 2 * HOUR)
values = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))


def loading(
    database: Database, interval: str = "15m", *columns: str, **options: object
) -> list[list[object]]:
    sql = feeder_loading_sql(TWO_HOURS, interval, **options)  # type: ignore[arg-type]
    return [list(row) for row in database.query(f"SELECT {', '.join(columns)} FROM ({sql})")]


@given(values)
def test_no_name_changes_the_statement(name: str) -> None:
    def sql(feeder: str, node: str) -> str:
        ratings = {feeder: 100.0}
        return shape(
            feeder_loading_sql(TWO_HOURS, feeders=[feeder], heads={feeder: [node]}, ratings=ratings)
        )

    assert sql(name, name) == sql("F1", "SS-F1")


@pytest.mark.parametrize("kva", [0.0, -1.0, float("nan"), float("inf")])
def test_rating_that_is_none_is_refused(kva: float) -> None:
    with pytest.raises(ValueError, match="must be above 0"):
        feeder_loading_sql(TWO_HOURS, ratings={"F1": kva})


def test_days_have_no_peak() -> None:
    with pytest.raises(ValueError, match="cannot tell a peak"):
        feeder_loading_sql(TWO_HOURS, "1d")


@pytest.mark.questdb
def test_peak_mean_and_factors_by_hand(questdb: Database) -> None:
    """20, 80, 80 and 40 kW: the peak is the first of two; half of 160 kVA is drawn at once."""
    network = Network()
    network.head("F1", 20.0, 80.0, 80.0, 40.0, unit="kW")
    for meter, register, kva in (
        ("m", "total", 100.0),
        ("n", "import", 60.0),
        ("o", "export", 60.0),
    ):
        network.meter(meter, "F1")
        network.about(meter, register=register, rated_kva=kva, status="active")
    network.meter("p", "F1")
    network.about("p", rated_kva=500.0, status="removed")
    network.store(questdb)
    columns = (
        "interval_count",
        "missing_intervals",
        "peak_kw",
        "peak_ts",
        "mean_kw",
        "load_factor",
        "min_kw",
        "rating_kva",
        "utilisation_pct",
        "connected_kva",
        "demand_factor",
        "fed_back_kwh",
    )

    [row] = loading(questdb, "15m", *columns, ratings={"F1": 200.0, "F9": 1.0})
    assert row[:3] == [4, 4, 80]
    assert instant(row[3]) == NOON + QUARTER
    assert row[4:] == [55, 55 / 80, 20, 200, 40, 160, 0.5, 0]
    [row] = loading(questdb, "60m", *columns[:3], "rating_kva", "utilisation_pct")
    assert row == [1, 1, 55, None, None]


@pytest.mark.questdb
def test_back_feed_loads_a_feeder_as_well(questdb: Database) -> None:
    """-90 for a quarter is the heavier load; the mean is below 0, so there is no load factor."""
    network = Network()
    network.head("F1", 30.0, -90.0, -10.0, None, unit="kW")
    network.store(questdb)
    columns = ("peak_kw", "min_kw", "min_ts", "load_factor", "utilisation_pct", "missing_intervals")

    [row] = loading(questdb, "15m", *columns, ratings={"F1": 100.0})
    assert row[:2] == [30, -90]
    assert instant(row[2]) == NOON + QUARTER
    assert row[3:] == [None, 90, 5]
    [row] = loading(questdb, "15m", "fed_back_kwh", "fed_back_hours")
    assert row == [25, 0.5]


@pytest.mark.questdb
@pytest.mark.parametrize(
    ("heads", "peak"), [({}, None), ({"F1": ["a"]}, 30), ({"F1": ["a", "b"]}, 40)]
)
def test_two_nodes_are_no_head_until_somebody_says_which(
    questdb: Database, heads: Mapping[str, list[str]], peak: float | None
) -> None:
    network = Network()
    network.head("F1", 30.0, node="a", unit="kW")
    network.head("F1", 10.0, node="b", unit="kW")
    network.store(questdb)

    assert loading(questdb, "15m", "peak_kw", heads=heads) == [[peak]]
