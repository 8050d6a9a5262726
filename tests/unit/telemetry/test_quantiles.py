"""Quantiles are estimated as Prometheus does it."""

import pytest

from utility_ts_analytics.telemetry.quantiles import quantile

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
