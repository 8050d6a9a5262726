from array import array
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utility_ts_analytics.records import native
from utility_ts_analytics.sinks.kafka.partitioning import (
    as_numbers,
    key_partitions,
    lines_by_partition,
    murmur2,
    partition_of,
)

VECTORS = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}
"""From Kafka's own UtilsTest, as Java's signed integers."""


@pytest.mark.parametrize(("data", "value"), VECTORS.items())
def test_hash_is_that_of_java_clients(data: bytes, value: int) -> None:
    assert murmur2(data) == value & 0xFFFFFFFF


@given(st.text(min_size=1, max_size=256), st.integers(1, 10_000))
def test_partition_is_the_positive_hash_of_utf8(key: str, partitions: int) -> None:
    assert partition_of(key, partitions) == (murmur2(key.encode()) & 0x7FFFFFFF) % partitions


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))), st.integers(1, 65_536))
def test_compiled_loop_equals_the_plain_one(keys: list[str], partitions: int) -> None:
    plain = [partition_of(key, partitions) for key in keys]
    assert list(as_numbers(key_partitions(keys, partitions))) == plain
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(native, "key_partitions", None)
        assert list(as_numbers(key_partitions(keys, partitions))) == plain


@given(st.lists(st.tuples(st.integers(0, 4), st.binary(max_size=9))))
def test_lines_are_distributed_in_their_order(pairs: list[tuple[int, bytes]]) -> None:
    lines = [text.replace(b"\n", b"-") + b"\n" for _, text in pairs]
    numbers = array("H", [number for number, _ in pairs]).tobytes()
    expected = [
        b"".join(line for line, (number, _) in zip(lines, pairs, strict=True) if number == n)
        or None
        for n in range(5)
    ]
    assert lines_by_partition(b"".join(lines), numbers, 5) == expected
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(native, "lines_by_partition", None)
        assert lines_by_partition(b"".join(lines), numbers, 5) == expected


@pytest.mark.skipif(native.key_partitions is None, reason="installed without the compiled module")
@pytest.mark.parametrize(
    ("lines", "numbers", "partitions"),
    [
        (b"a\nb\n", b"\0\0", 1),
        (b"a\n", b"\0\0\0\0", 1),
        (b"a", b"\0\0", 1),
        (b"a\n", b"\5\0", 5),
        (b"", b"\0\0", 1),
        (b"a\n", b"", 1),
        (b"a\n", b"\0\0", 0),
        ("a\n", b"\0\0", 1),
        (b"a\n", None, 1),
    ],
)
def test_lines_that_do_not_match_are_an_exception(
    lines: Any, numbers: Any, partitions: int
) -> None:
    assert native.lines_by_partition is not None
    with pytest.raises((TypeError, ValueError)):
        native.lines_by_partition(lines, numbers, partitions)


@pytest.mark.skipif(native.key_partitions is None, reason="installed without the compiled module")
@pytest.mark.parametrize(
    ("keys", "partitions"), [([1], 1), (["a"], 0), (["a"], 65_537), (["\ud800"], 1), (1, 1)]
)
def test_wrong_use_of_the_compiled_loop_is_an_exception(keys: Any, partitions: int) -> None:
    assert native.key_partitions is not None
    with pytest.raises((TypeError, ValueError)):
        native.key_partitions(keys, partitions)
