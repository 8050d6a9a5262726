"""What PromQL asks for, and what there is: metrics of the registry and of the recording rules."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import yaml

from utility_ts_analytics.telemetry.metric import Metric
from utility_ts_analytics.telemetry.registry import METRICS

INFRA = Path(__file__).parents[2] / "infra"
RULES = INFRA / "prometheus" / "rules"

_NAME = re.compile(r"\b(?:\w+:)?ingestion_\w+(?::\w+)?\b")
_SELECTOR = re.compile(r"\b((?:\w+:)?ingestion_\w+(?::\w+)?)\{([^}]*)\}")
_MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
_OF_A_SCRAPE = {"job", "instance"}

Rule = Mapping[str, object]


def rules(kind: str) -> list[Rule]:
    """Return the rules that have a `kind`: `alert` or `record`."""
    return [
        rule
        for path in sorted(RULES.glob("*.yml"))
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
        if kind in rule
    ]


def _series() -> dict[str, Metric]:
    """Every series name of a scrape and its metric."""
    found = {}
    for metric in METRICS:
        suffixes = ("_bucket", "_sum", "_count") if metric.kind == "histogram" else ("",)
        found.update({f"{metric.name}{suffix}": metric for suffix in suffixes})
    return found


def findings(expressions: Iterable[str]) -> Iterator[str]:
    """Yield what these expressions name and nobody emits: series, labels, label values."""
    series = _series()
    recorded = {str(rule["record"]) for rule in rules("record")}
    for text in expressions:
        for name in _NAME.findall(text):
            if name not in series and name not in recorded:
                yield f"no metric {name}: {text}"
        for name, matchers in _SELECTOR.findall(text):
            if name in series:
                yield from _unknown_labels(series[name], matchers)


def _unknown_labels(metric: Metric, matchers: str) -> Iterator[str]:
    known = {label.name: label.values for label in metric.labels}
    for label, operator, value in _MATCHER.findall(matchers):
        if label in _OF_A_SCRAPE:
            continue
        if label not in known:
            yield f"{metric.name} has no label {label}"
        elif known[label] and not value.startswith("$"):
            names = value.split("|") if "~" in operator else [value]
            for one in names:
                if one not in known[label]:
                    yield f"{metric.name} has no {label} {one}"
