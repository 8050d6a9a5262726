"""A reader gets numbers of one moment, whatever the writer is doing or died of."""

import random

import pytest

from utility_ts_analytics.telemetry.layout import SEQUENCE, WORDS, new_words
from utility_ts_analytics.telemetry.snapshot import Publisher, file_bytes, newest


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
