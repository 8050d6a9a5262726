"""Loading of small networks, computed by hand; that of the sample is with its balance."""

from collections.abc import Mapping
from datetime import timedelta

import pytest
from tests.unit.analysis.questions.network_rig import (
    HOUR,
    NOON,
    QUARTER,
    Network,
)
from tests.unit.analysis.questions.question_rig import Row, ask
from tests.unit.queries.query_rig import Database

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.queries.time_range import TimeRange

TWO_HOURS = TimeRange(NOON, NOON + 2 * HOUR)

pytestmark = pytest.mark.questdb


def loading(database: Database, every: str, *columns: str, **given: object) -> list[Row]:
    return ask(database, "feeder_loading", TWO_HOURS, *columns, given=given, every=every)


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

    [row] = loading(questdb, "15 minutes", *columns, ratings={"F1": 200.0, "F9": 1.0})
    assert row[:4] == (4, 4, 80, NOON + QUARTER)
    assert row[4:] == (55, 55 / 80, 20, 200, 40, 160, 0.5, 0)
    [row] = loading(questdb, "60 minutes", *columns[:3], "rating_kva", "utilisation_pct")
    assert row == (1, 1, 55, None, None)


def test_back_feed_loads_a_feeder_as_well(questdb: Database) -> None:
    """-90 for a quarter is the heavier load; the mean is below 0, so there is no load factor."""
    network = Network()
    network.head("F1", 30.0, -90.0, -10.0, None, unit="kW")
    network.store(questdb)
    columns = ("peak_kw", "min_kw", "min_ts", "load_factor", "utilisation_pct", "missing_intervals")

    [row] = loading(questdb, "15 minutes", *columns, ratings={"F1": 100.0})
    assert row == (30, -90, NOON + QUARTER, None, 90, 5)
    [row] = loading(questdb, "15 minutes", "fed_back_kwh", "fed_back_hours")
    assert row == (25, 0.5)


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

    assert loading(questdb, "15 minutes", "peak_kw", "peak_ts", heads=heads) == [
        (peak, None if peak is None else NOON)
    ]


@pytest.mark.parametrize("question", ["feeder_loading", "feeder_balance", "feeder_losses"])
@pytest.mark.parametrize(("start", "end"), [(QUARTER, 2 * HOUR), (0 * HOUR, HOUR + QUARTER)])
def test_period_that_cuts_an_interval_is_refused(
    questdb: Database, question: str, start: timedelta, end: timedelta
) -> None:
    network = Network()
    network.head("F1", 20.0, 80.0, 80.0, 40.0, unit="kW")
    network.store(questdb)
    with pytest.raises(OperatorError, match="the period cuts an interval of 60 minutes"):
        ask(questdb, question, TimeRange(NOON + start, NOON + end), every="60 minutes")
