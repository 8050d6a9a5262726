"""Losses that go with the load of small networks, computed by hand."""

import pytest
from tests.unit.analysis.questions.network_rig import NOON, QUARTER, Network
from tests.unit.analysis.questions.question_rig import Row, ask
from tests.unit.queries.query_rig import Database

from utility_ts_analytics.queries.time_range import TimeRange

pytestmark = pytest.mark.questdb


def day_of_loads(fixed_kw: float, per_kw2: float, noise_kw: float = 0.0) -> Network:
    """96 quarters whose demand goes from 10 to 105 kW, and whose losses follow it."""
    network = Network()
    network.meter("m", "F1")
    for number in range(96):
        kw = 10.0 + number
        loss = fixed_kw + per_kw2 * kw * kw + noise_kw * (-1) ** number
        at = NOON + number * QUARTER
        network.read("m", kw / 4, at=at)
        network.head("F1", kw + loss, at=at, unit="kW")
    return network


def fit(database: Database, quarters: int = 96, every: str = "15 minutes") -> Row:
    [row] = ask(
        database,
        "loss_by_load",
        TimeRange(NOON, NOON + quarters * QUARTER),
        *("interval_count", "sound", "r2", "fixed_kw", "variable_kw_per_kw2"),
        *("fixed_kwh", "variable_kwh"),
        every=every,
    )
    return row


def test_losses_that_follow_the_square_are_found_again(questdb: Database) -> None:
    day_of_loads(2.0, 0.001).store(questdb)

    squares = sum((10.0 + number) ** 2 for number in range(96))
    assert fit(questdb)[:2] == (96, True)
    assert fit(questdb)[2:] == pytest.approx((1.0, 2.0, 0.001, 2.0 * 24, 0.001 * squares / 4))


@pytest.mark.parametrize(
    ("fixed_kw", "per_kw2", "noise_kw", "quarters"),
    [(2.0, 0.001, 0.0, 95), (2.0, 0.001, 20.0, 96), (-2.0, 0.001, 0.0, 96), (9.0, -5e-4, 0.0, 96)],
    ids=["too few", "too scattered", "below nothing without load", "falling"],
)
def test_line_that_says_nothing_is_not_given(
    questdb: Database, fixed_kw: float, per_kw2: float, noise_kw: float, quarters: int
) -> None:
    day_of_loads(fixed_kw, per_kw2, noise_kw).store(questdb)

    found = fit(questdb, quarters)
    assert found[0] == quarters
    assert found[1:2] + found[3:] == (False, *[None] * 4)


def test_intervals_with_generation_or_gaps_are_not_taken(questdb: Database) -> None:
    network = day_of_loads(2.0, 0.001)
    network.plant("p", "F1")
    network.generate("p", *[0.0] * 95, 0.001)
    network.meter("n", "F1", since=NOON + 90 * QUARTER)
    network.store(questdb)

    assert fit(questdb)[:2] == (90, False)


def test_longer_intervals_are_powers_too(questdb: Database) -> None:
    """A constant load: 96 hours of 10 kW with 1 kW lost, so no variance and no line."""
    network = Network()
    network.meter("m", "F1")
    network.read("m", *[2.5] * 16)
    network.head("F1", *[11.0] * 16, unit="kW")
    network.store(questdb)

    assert fit(questdb, 16, every="60 minutes") == (4, False, *[None] * 5)
