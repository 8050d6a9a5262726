"""docs/METRICS.md is what the registry says."""

from pathlib import Path

from utility_ts_analytics.telemetry.metrics_page import metrics_page
from utility_ts_analytics.telemetry.registry import METRICS

PAGE = Path(__file__).parents[3] / "docs" / "METRICS.md"


def test_page_is_up_to_date() -> None:
    assert PAGE.read_text() == metrics_page(), (
        "make it again: python -m utility_ts_analytics.telemetry.metrics_page docs/METRICS.md"
    )


def test_page_has_every_metric_with_its_meaning() -> None:
    page = metrics_page()
    for metric in METRICS:
        assert f"### `{metric.name}`\n" in page
        assert metric.meaning in page
