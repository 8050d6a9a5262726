"""The text says what the numbers say, and prometheus-client's own parsers read it."""

from collections.abc import Callable, Iterable

import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_parser
from prometheus_client.parser import text_string_to_metric_families as text_parser

from utility_ts_analytics.telemetry.exposition import Exposition, Figures, Samples
from utility_ts_analytics.telemetry.measures import Measures
from utility_ts_analytics.telemetry.registry import METRICS

PARSERS: dict[str, Callable[[str], Iterable[Metric]]] = {
    "": text_parser,
    "application/openmetrics-text": open_parser,
}


def figures() -> Figures:
    measures = Measures()
    for seconds in (0.002, 0.02, 500.0):
        measures.request_ended(200, seconds)
    measures.rows_stored(5, 0.1, sink="pgwire", wall_ns=1_500_000_000)
    measures.fell_back(active=True)
    measures.fell_back(active=True)
    found: dict[str, Samples] = {metric.name: {} for metric in METRICS if not metric.has_places}
    found["ingestion_questdb_up"] = {(): 1.0}
    found["ingestion_table_suspended"] = {('odd "table"\\\n',): 1.0}
    return Figures({"meter_usage": measures.words, "other": Measures().words}, found)


@pytest.mark.parametrize("accept", PARSERS)
def test_both_forms_hold_the_same_samples(accept: str) -> None:
    _, text = Exposition(figures).render(accept)
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in PARSERS[accept](text.decode())
        for sample in family.samples
    }
    bucket = "ingestion_request_seconds_bucket"
    assert samples[bucket, "0.001", "meter_usage"] == 0
    assert samples[bucket, "0.025", "meter_usage"] == 2
    assert samples[bucket, "300.0", "meter_usage"] == 2
    assert samples[bucket, "+Inf", "meter_usage"] == 3
    assert samples["ingestion_request_seconds_count", "meter_usage"] == 3
    assert samples["ingestion_request_seconds_sum", "meter_usage"] == pytest.approx(500.022)
    assert samples["ingestion_flush_rows_sum", "pgwire", "meter_usage"] == 5
    assert samples["ingestion_last_stored_timestamp_seconds", "meter_usage"] == 1.5
    assert samples["ingestion_fallback_active", "meter_usage"] == 1
    assert samples["ingestion_fallback_active", "other"] == 0
    assert samples["ingestion_questdb_up",] == 1
    assert samples["ingestion_table_suspended", 'odd "table"\\\n'] == 1


def test_help_and_type_stand_before_every_metric() -> None:
    media_type, text = Exposition(figures).render("")
    assert media_type == "text/plain; version=0.0.4; charset=utf-8"
    lines = text.decode().splitlines()
    for metric in METRICS:
        kind = "gauge" if metric.kind == "info" else metric.kind
        at = lines.index(f"# TYPE {metric.name} {kind}")
        assert lines[at - 1].startswith(f"# HELP {metric.name} ")
