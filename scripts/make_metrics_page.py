#!/usr/bin/env python3
"""Write docs/METRICS.md from the registry of metrics.

python3 scripts/make_metrics_page.py
"""

from pathlib import Path

from utility_ts_analytics.telemetry.metric import Label, Metric
from utility_ts_analytics.telemetry.registry import METRICS

PAGE = Path(__file__).parents[1] / "docs" / "METRICS.md"

_HEAD = """# Metrics

On this page you can look up every metric: kind, unit, labels and meaning. They are served at
`:9090/metrics`, in Prometheus' text format or, by `Accept`, as OpenMetrics. The page is made from
`telemetry/registry.py` by `python3 scripts/make_metrics_page.py`.

## The books

`received = stored + rejected + failed + in flight`, per stream, in every scrape. The sums cover all
workers since the service started, also dead ones and those before a reload.

- **Received**: each row once, when the buffer accepts it, or when it is refused. Lines after the
  one that ends a strict request are not received; `validate_only` counts nothing.
- **Stored** rises before the answer is sent: accepted rows (`ack = "committed"`) are stored or
  spooled.
- **In flight**: rows in memory and in the spool, as the queues and the spool count them.
- A killed worker's rows stay in flight until the supervisor notices (about 0.5 s). Then the rows
  in its memory are failed with `worker-died`, even if QuestDB got them with the last send. Its
  spooled rows stay in flight; another worker delivers them. Rows that an earlier run left in the
  spool are received again (`ingestion_rows_recovered_total`).
- Not counted: what a worker counted in the microseconds between its last publication and its
  death. It had answered none of it.

## By token

Posts are also counted by the name of their token, from 0 for every configured name. A post with a
wrong token has no name. Tokens of one name are counted together. A name that a reload removes keeps
its last number until the service restarts: a rate of 0 means that nobody uses its token.

## How recent

Counters start at 0 with the service. Gauges of one worker are at most 0.5 s old;
`ingestion_rows_in_flight` and `ingestion_buffer_bytes` are as recent as the counters.

## All metrics
"""


def metrics_page() -> str:
    """Return the page as Markdown."""
    parts = [_HEAD]
    for metric in METRICS:
        parts.append(f"### `{metric.name}`\n\n{_facts(metric)}\n\n{metric.meaning}\n")
        parts.extend(_label_line(label) for label in metric.labels)
        if metric.buckets:
            bounds = ", ".join(f"{bound:g}" for bound in metric.buckets)
            parts.append(f"- buckets up to: {bounds}, +Inf\n")
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


def _facts(metric: Metric) -> str:
    kept = "counted by each worker" if metric.per_worker else "measured by the operations server"
    return f"{metric.kind}, {metric.unit}, {kept}"


def _label_line(label: Label) -> str:
    values = ", ".join(f"`{value}`" for value in label.values)
    return f"- `{label.name}`: {label.source}" + (f": {values}" if values else "") + "\n"


if __name__ == "__main__":
    PAGE.write_text(metrics_page())
