from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utility_ts_analytics.records.streams import GenerationOutput, MeterUsage
from utility_ts_analytics.sinks.kafka.partitioning import murmur2, partition_of, rows_by_partition

VECTORS = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}
"""From Kafka's own UtilsTest, as Java's signed integers."""

TS = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(("data", "value"), VECTORS.items())
def test_hash_is_that_of_java_clients(data: bytes, value: int) -> None:
    assert murmur2(data) == value & 0xFFFFFFFF


@given(st.text(min_size=1, max_size=256), st.integers(1, 10_000))
def test_partition_is_the_positive_hash_of_utf8(key: str, partitions: int) -> None:
    assert partition_of(key, partitions) == (murmur2(key.encode()) & 0x7FFFFFFF) % partitions


@given(st.lists(st.text(min_size=1, max_size=20)), st.integers(1, 50))
def test_every_row_is_once_in_its_partition_in_order(keys: list[str], partitions: int) -> None:
    rows = [MeterUsage(ts=TS, meter_id=key, kwh=float(n)) for n, key in enumerate(keys)]
    groups = rows_by_partition(rows, "meter_id", partitions)
    assert len(groups) == partitions
    for partition, group in enumerate(groups):
        assert group == [row for row in rows if partition_of(row.meter_id, partitions) == partition]


def test_the_key_is_the_field_that_is_named() -> None:
    rows = [GenerationOutput(ts=TS, plant_id="foobar", unit_id="21", mw=1.0)]
    groups = rows_by_partition(rows, "plant_id", 7)
    assert groups[partition_of("foobar", 7)] == rows
