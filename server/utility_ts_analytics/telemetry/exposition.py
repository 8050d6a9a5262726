"""The metrics as text: the one door to prometheus-client.

Its own counters are not used: each of their additions costs as much as publishing all our numbers
at once, they are not consistent with each other, and the files of dead processes pile up.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from utility_ts_analytics.telemetry import registry
from utility_ts_analytics.telemetry.layout import (
    NS_PER_S,
    Words,
    label_sets,
    offset_of,
    words_of,
)
from utility_ts_analytics.telemetry.metric import STREAM, Metric
from utility_ts_analytics.telemetry.registry import METRICS

Samples = Mapping[tuple[str, ...], float]
"""Values of one metric by its label values."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything that a scrape shows.

    Attributes:
        streams: The numbers of all workers of each stream, added up.
        found: The other metrics, those without places in the layout, by name.
    """

    streams: Mapping[str, Words]
    found: Mapping[str, Samples] = field(default_factory=dict)


class _Figures(Collector):
    def __init__(self, read: Callable[[], Figures]) -> None:
        self._read = read

    def collect(self) -> Iterator[Family]:
        """Yield all metrics of `METRICS`, from one reading."""
        figures = self._read()
        for metric in METRICS:
            if not metric.has_places:
                yield _found(metric, figures.found[metric.name])
            elif metric.kind == "histogram":
                yield _histogram(metric, figures.streams)
            else:
                yield _kept(metric, figures.streams)

    def describe(self) -> Sequence[Family]:
        """Return nothing: names are checked by the registry's tests, not by reading figures."""
        return ()


class Exposition:
    """Renders figures.

    Args:
        read: Returns the figures of this moment.
    """

    def __init__(self, read: Callable[[], Figures]) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Figures(read))

    def render(self, accept: str) -> tuple[str, bytes]:
        """Return content type and body.

        Args:
            accept: The `Accept` header: OpenMetrics where it is asked for; "" is Prometheus' text.
        """
        encode, content_type = choose_encoder(accept)
        return content_type, encode(self._registry)


def _names(metric: Metric) -> list[str]:
    return [label.name for label in metric.labels]


def _family(metric: Metric) -> CounterMetricFamily | GaugeMetricFamily:
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    return kind(metric.name, metric.meaning, labels=_names(metric))


def _kept(metric: Metric, streams: Mapping[str, Words]) -> Family:
    family = _family(metric)
    for stream, words in streams.items():
        for values in label_sets(metric):
            value: float = words[offset_of(metric, *values)]
            if metric is registry.LAST_STORED:
                value /= NS_PER_S
            elif metric.unit == "yes/no":
                value = min(value, 1)
            family.add_metric(_in_order(metric, stream, values), value)
    return family


def _found(metric: Metric, samples: Samples) -> Family:
    family = _family(metric)
    for values, value in samples.items():
        family.add_metric(values, value)
    return family


def _histogram(metric: Metric, streams: Mapping[str, Words]) -> Family:
    family = HistogramMetricFamily(metric.name, metric.meaning, labels=_names(metric))
    bounds = [*(str(float(bound)) for bound in metric.buckets), "+Inf"]
    scale = NS_PER_S if metric.unit == "seconds" else 1
    for stream, words in streams.items():
        for values in label_sets(metric):
            first = offset_of(metric, *values)
            *counts, total = words[first : first + words_of(metric)]
            at_most = [sum(counts[: index + 1]) for index in range(len(counts))]
            buckets = list(zip(bounds, map(float, at_most), strict=True))
            family.add_metric(_in_order(metric, stream, values), buckets, total / scale)
    return family


def _in_order(metric: Metric, stream: str, values: Sequence[str]) -> list[str]:
    """Return the label values in the order of the metric's labels."""
    rest = iter(values)
    return [stream if label is STREAM else next(rest) for label in metric.labels]
