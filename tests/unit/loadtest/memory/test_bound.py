"""The formula: every term is bounded by the configuration, and none can be left out."""

from dataclasses import asdict, replace

import msgspec
import pytest
from loadtest.memory.bound import IDLE_MIB, Limits, Load, bound_mib, rows_mib
from loadtest.processes import MIB

from utility_ts_analytics.config import Config

DEFAULT = Limits()


def test_defaults_are_those_of_the_service() -> None:
    stream = Config().meter_usage
    keys = msgspec.structs.asdict(stream.source) | msgspec.structs.asdict(stream.sink)
    assert asdict(DEFAULT).items() <= keys.items()


@pytest.mark.parametrize(
    "more",
    [
        Load(connections=100),
        Load(requests=10),
        Load(requests=10, gzip=10),
        Load(requests=10, zstd=10),
        Load(requests=10, line_bytes=1_000),
        Load(connections=10, heads=10),
        Load(array_bytes=MIB),
        Load(restored=True),
    ],
    ids=str,
)
def test_whatever_comes_in_adds_to_it(more: Load) -> None:
    assert bound_mib(DEFAULT, more) > bound_mib(DEFAULT, Load()) > IDLE_MIB


@pytest.mark.parametrize(
    ("key", "within", "beyond"),
    [
        ("max_concurrent_requests", Load(requests=128), Load(requests=129, gzip=0)),
        ("max_concurrent_requests", Load(requests=128, zstd=128), Load(requests=500, zstd=500)),
        ("max_connections", Load(connections=4_096), Load(connections=10_000)),
        ("max_line_bytes", Load(requests=1, line_bytes=MIB), Load(requests=1, line_bytes=9 * MIB)),
        ("channel_capacity_bytes", Load(array_bytes=64 * MIB), Load(array_bytes=1_000 * MIB)),
    ],
)
def test_nothing_grows_beyond_its_key(key: str, within: Load, beyond: Load) -> None:
    assert bound_mib(DEFAULT, beyond) == bound_mib(DEFAULT, within)
    doubled = replace(DEFAULT, **{key: 2 * getattr(DEFAULT, key)})
    assert bound_mib(doubled, beyond) > bound_mib(DEFAULT, beyond)


def test_a_larger_channel_and_larger_batches_take_more() -> None:
    assert rows_mib(replace(DEFAULT, channel_capacity=100_000)) == 2 * rows_mib(DEFAULT)
    restored = Load(restored=True)
    larger = replace(DEFAULT, batch_size=50_000)
    assert bound_mib(larger, restored) > bound_mib(DEFAULT, restored)


def test_windows_are_held_together_and_one_always_fits() -> None:
    many, one = Load(requests=64, zstd=64), Load(requests=64, zstd=1)
    for budget_mib, added_mib in ((8, -24), (16, -16), (64, 32), (1_000, 480)):
        limits = replace(DEFAULT, max_window_bytes=budget_mib * MIB)
        assert bound_mib(limits, many) - bound_mib(DEFAULT, many) == added_mib
        assert bound_mib(limits, one) == bound_mib(DEFAULT, one)
    assert bound_mib(replace(DEFAULT, max_window_bytes=1), one) == bound_mib(DEFAULT, one)
