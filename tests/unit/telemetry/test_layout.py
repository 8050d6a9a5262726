"""Each number has a place of its own; what a dead worker leaves balances."""

import random

import pytest

from utility_ts_analytics.telemetry import registry
from utility_ts_analytics.telemetry.layout import (
    ERRORS_AT,
    OFFSETS,
    SEQUENCE,
    WORDS,
    Publisher,
    add_dead,
    add_living,
    file_bytes,
    label_sets,
    new_words,
    newest,
    offset_of,
    quantile,
    values_of,
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


def test_rows_in_the_memory_of_the_dead_are_failed_and_spooled_ones_stay_in_flight() -> None:
    words = new_words()
    for offset in OFFSETS.values():
        words[offset] = 1
    words[offset_of(registry.ROWS_IN_FLIGHT)] = 9
    words[offset_of(registry.ROWS_SPOOLED)] = 4
    total = new_words()
    for times in (1, 2):
        add_dead(total, words)
        assert total[offset_of(registry.ROWS_RECEIVED)] == times
        assert total[offset_of(registry.ROWS_FAILED, "worker-died")] == (1 + 5) * times
        assert total[offset_of(registry.FLUSH_ROWS, "ilp")] == times
        assert total[offset_of(registry.LAST_STORED)] == 1
        kept = {registry.LAST_STORED: 1}
        kept |= dict.fromkeys((registry.ROWS_IN_FLIGHT, registry.ROWS_SPOOLED), 4 * times)
        gauges = [m for m in METRICS if m.kind == "gauge" and m.per_worker]
        for gauge in gauges:
            assert set(values_of(total, gauge)) == {kept.get(gauge, 0)}, gauge.name


def test_living_workers_are_summed_but_for_the_largest_ones() -> None:
    total = new_words()
    memory, rows = offset_of(registry.WORKER_MEMORY), offset_of(registry.ROWS_IN_FLIGHT)
    for value in (3, 5, 4):
        words = new_words()
        words[memory] = words[rows] = value
        add_living(total, words)
    assert (total[memory], total[rows]) == (5, 12)


def published(*values: int) -> tuple[Publisher, bytearray]:
    memory = bytearray(file_bytes())
    words = new_words()
    publisher = Publisher(words, memoryview(memory))
    for value in values:
        words[10] = words[WORDS - 1] = value
        publisher.publish()
    return publisher, memory


@pytest.mark.parametrize("count", [1, 2, 3])
def test_what_was_published_last_is_read(count: int) -> None:
    _, memory = published(*range(7, 7 + count))
    words = newest(bytes(memory))
    assert words is not None
    assert (words[10], words[WORDS - 1], words[SEQUENCE]) == (6 + count, 6 + count, count)


def test_nothing_is_read_before_the_first_publication() -> None:
    assert newest(bytes(file_bytes())) is None


def test_file_of_another_length_is_not_read() -> None:
    assert newest(b"short") is None


def test_writer_killed_at_any_byte_leaves_what_it_published_before() -> None:
    """Every prefix of the newer copy: at all times the one or the other is whole."""
    _, before = published(1, 2)
    _, after = published(1, 2, 3)
    changed = [index for index in range(file_bytes()) if before[index] != after[index]]
    assert changed
    for end in range(changed[0], changed[-1] + 2):
        words = newest(bytes(after[:end] + before[end:]))
        assert words is not None
        assert words[10] == words[WORDS - 1]
        assert words[10] in (2, 3)


def test_bytes_written_in_any_order_are_never_taken_for_a_whole() -> None:
    _, before = published(1, 2)
    _, after = published(1, 2, 3)
    dice = random.Random(1)  # noqa: S311 - not for secrets
    for _ in range(300):
        mixed = bytes(dice.choice(pair) for pair in zip(before, after, strict=True))
        words = newest(mixed)
        assert words is not None
        assert words[10] == words[WORDS - 1]


BOUNDS = (1.0, 2.0, 4.0)


@pytest.mark.parametrize(
    ("share", "counts", "value"),
    [
        (0.5, [4, 0, 0, 0], 0.5),
        (0.5, [2, 2, 0, 0], 1.0),
        (0.75, [2, 2, 0, 0], 1.5),
        (0.99, [0, 0, 100, 0], 3.98),
        (1.0, [0, 1, 0, 0], 2.0),
        (0.0, [0, 1, 0, 0], 1.0),
        (0.5, [0, 0, 0, 9], 4.0),
        (0.5, [0, 0, 0, 0], None),
    ],
)
def test_quantile_lies_in_its_bucket(share: float, counts: list[int], value: float | None) -> None:
    assert quantile(share, BOUNDS, counts) == (None if value is None else pytest.approx(value))
