"""One scrape of the running service, parsed by prometheus-client itself."""

from collections import defaultdict
from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families
from tests.process.running_service import RunningService


@dataclass(slots=True)
class Scrape:
    """What `/metrics` said.

    Attributes:
        kinds: Type of each metric by its name as exposed.
        samples: Value of each sample by name and labels.
    """

    kinds: dict[str, str] = field(default_factory=dict)
    samples: dict[tuple[str, frozenset[tuple[str, str]]], float] = field(default_factory=dict)

    def value(self, name: str, **labels: str) -> float:
        """Return the sum of all samples with these labels, whatever others they have."""
        wanted = set(labels.items())
        found = [value for (n, have), value in self.samples.items() if n == name and wanted <= have]
        assert found, f"no sample of {name} with {labels}"
        return sum(found)

    def imbalance(self, stream: str) -> float:
        """Return received - stored - rejected - failed - in flight."""
        ends = sum(
            self.value(f"ingestion_rows_{end}", stream=stream)
            for end in ("stored_total", "rejected_total", "failed_total", "in_flight")
        )
        return self.value("ingestion_rows_received_total", stream=stream) - ends

    def label_names(self) -> dict[str, set[str]]:
        """Return the names of the labels of each sample name."""
        names: dict[str, set[str]] = defaultdict(set)
        for name, labels in self.samples:
            names[name] |= {label for label, _ in labels}
        return names


def parse(text: str) -> Scrape:
    """Return a scrape from Prometheus' text."""
    scrape = Scrape()
    for family in text_string_to_metric_families(text):
        scrape.kinds[family.name] = family.type
        for sample in family.samples:
            scrape.samples[sample.name, frozenset(sample.labels.items())] = sample.value
    return scrape


def scrape(service: RunningService) -> Scrape:
    """Ask the running service."""
    answer = service.ask_operations("/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return parse(answer.body.decode())
