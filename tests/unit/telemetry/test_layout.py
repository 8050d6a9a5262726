"""Each number has a place of its own; what a dead worker leaves balances."""

import pytest

from utility_ts_analytics.telemetry import registry
from utility_ts_analytics.telemetry.layout import (
    ERRORS_AT,
    OFFSETS,
    add_departed,
    add_living,
    label_sets,
    new_words,
    offset_of,
    words_of,
)
from utility_ts_analytics.telemetry.registry import METRICS


def test_no_two_numbers_share_a_place() -> None:
    places: list[int] = []
    for metric in METRICS:
        for values in label_sets(metric) if metric.has_places else []:
            first = offset_of(metric, *values)
            places += range(first, first + words_of(metric))
    assert sorted(places) == list(range(3, ERRORS_AT))


def test_label_values_are_a_closed_set() -> None:
    with pytest.raises(KeyError):
        offset_of(registry.ROWS_FAILED, "because")


def test_rows_in_the_memory_of_the_departed_are_failed_and_spooled_ones_stay_in_flight() -> None:
    words = new_words()
    for offset in OFFSETS.values():
        words[offset] = 1
    words[offset_of(registry.ROWS_IN_FLIGHT)] = 9
    words[offset_of(registry.ROWS_SPOOLED)] = 4
    total = new_words()
    for times in (1, 2):
        add_departed(total, words)
        assert total[offset_of(registry.ROWS_RECEIVED)] == times
        assert total[offset_of(registry.ROWS_FAILED, "worker-died")] == (1 + 5) * times
        assert total[offset_of(registry.FLUSH_ROWS, "ilp")] == times
        assert total[offset_of(registry.LAST_STORED)] == 1
        kept = {registry.LAST_STORED: 1}
        kept |= dict.fromkeys((registry.ROWS_IN_FLIGHT, registry.ROWS_SPOOLED), 4 * times)
        gauges = [m for m in METRICS if m.kind == "gauge" and m.per_worker]
        for gauge in gauges:
            assert total[offset_of(gauge)] == kept.get(gauge, 0), gauge.name


def test_living_workers_are_summed_but_for_the_largest_ones() -> None:
    total = new_words()
    memory, rows = offset_of(registry.WORKER_MEMORY), offset_of(registry.ROWS_IN_FLIGHT)
    for value in (3, 5, 4):
        words = new_words()
        words[memory] = words[rows] = value
        add_living(total, words)
    assert (total[memory], total[rows]) == (5, 12)
