"""The statistics over the rounds of a case."""

from dataclasses import dataclass

import pytest
from loadtest.bench.figures import Memory, Round, figures_of, percentile

ROUNDS = [Round(0.50, 0.30, 0.8), Round(0.25, 0.20, 1.0), Round(0.30, 0.10, 1.1)]


@dataclass
class Percentile:
    values: list[float]
    share: float
    expected: float


def test_figures_are_of_the_best_round_and_the_ratio_of_the_median() -> None:
    told = figures_of(
        ("bench", "case"),
        ROUNDS,
        Memory(120.0, 100.0),
        rows=1000,
        size_bytes=500_000,
        against="something",
    )
    assert told.key == "bench/case"
    assert (told.rows_per_s, told.mb_per_s) == (4000, 2.0)
    assert told.rows_per_s_spread == pytest.approx(1.0)
    assert told.cpu_us_per_row == pytest.approx(100.0)
    assert (told.ratio, told.ratio_low, told.ratio_high) == (1.0, 0.8, 1.1)
    assert (told.rss_peak_mib, told.rss_added_mib) == (120.0, 20.0)
    assert told.rounds == ROUNDS


def test_ratio_of_its_own_replaces_the_median_and_memory_may_be_half_known() -> None:
    told = figures_of(
        ("bench", ""),
        ROUNDS,
        Memory(120.0, None),
        rows=1,
        size_bytes=1,
        ratio=7.0,
        against="something",
        extra={"x_ms": 1.23456},
    )
    assert (told.key, told.ratio, told.rss_added_mib) == ("bench", 7.0, None)
    assert told.extra == {"x_ms": 1.235}


def test_nothing_measured_is_no_figure() -> None:
    with pytest.raises(ValueError, match="without a round"):
        figures_of(("a", ""), [], Memory(1.0, 1.0), rows=1, size_bytes=1, against="x")


@pytest.mark.parametrize(
    "case",
    [
        Percentile([5.0], 0.5, 5.0),
        Percentile([5.0], 1.0, 5.0),
        Percentile([4.0, 1.0, 3.0, 2.0], 0.5, 2.0),
        Percentile([4.0, 1.0, 3.0, 2.0], 0.51, 3.0),
        Percentile([float(n) for n in range(1, 101)], 0.99, 99.0),
        Percentile([float(n) for n in range(1, 101)], 0.001, 1.0),
        Percentile([float(n) for n in range(1, 11)], 0.99, 10.0),
    ],
)
def test_percentile_is_the_smallest_value_that_enough_do_not_exceed(case: Percentile) -> None:
    assert percentile(case.values, case.share) == case.expected


@pytest.mark.parametrize(("values", "share"), [([], 0.5), ([1.0], 0.0), ([1.0], 1.01)])
def test_percentile_of_nothing_or_beyond_all_is_an_error(values: list[float], share: float) -> None:
    with pytest.raises(ValueError, match="cannot tell a percentile"):
        percentile(values, share)
