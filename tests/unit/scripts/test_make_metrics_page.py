"""docs/METRICS.md is what the registry says."""

from make_metrics_page import PAGE, metrics_page
from utility_ts_analytics.telemetry.registry import METRICS


def test_page_is_up_to_date() -> None:
    assert PAGE.read_text() == metrics_page(), "make it again: python3 scripts/make_metrics_page.py"


def test_page_has_every_metric_with_its_meaning() -> None:
    page = metrics_page()
    for metric in METRICS:
        assert f"### `{metric.name}`\n" in page
        assert metric.meaning in page
