"""Makes `docs/METRICS.md`: run it as a module, with the path of the page."""

import sys
from pathlib import Path

from utility_ts_analytics.telemetry.metric import Label, Metric
from utility_ts_analytics.telemetry.registry import METRICS

_HEAD = """# Metrics

Served at `:9090/metrics`, in Prometheus' text format or, by `Accept`, as OpenMetrics. This page
is made from `telemetry/registry.py` by `python -m utility_ts_analytics.telemetry.metrics_page
docs/METRICS.md`; a test holds them equal.

## The books

`received = stored + rejected + failed + in flight`, per stream, summed over all workers that ran
since the service started, dead ones and those of earlier configurations (SIGHUP) included.

- A row is **received** once, when its end begins: a valid row when the buffer takes it (or has
  no room for it in time: then it is failed at once), a bad line when it is refused. So lines
  that are no record are received and rejected. What comes after the line that ends a strict
  request is not received. Requests with `validate_only` take no part.
- **Stored** rises before the request is answered: what clients were told as accepted (`ack =
  "committed"`) is stored or spooled.
- **In flight** are rows in memory and rows in the spool. It is what the queues and the spool
  say, not the difference of the other three.
- A worker that is killed leaves what it held as in flight until the supervisor has noticed
  (about 0.5 s); then the rows in its memory are failed with `worker-died`, and never stored,
  also if QuestDB got them with the last send. Its spooled rows stay in flight: another worker
  delivers them. Rows that an earlier run of the service left in the spool are received once
  more (`ingestion_rows_recovered_total`) by the worker that delivers them.
- Each worker publishes its numbers as one whole, after each block, batch and answer; a scrape
  reads whole ones, so in no scrape is more stored than received, and the books balance in each
  scrape, under load too. Workers are read one after the other, a few microseconds apart.
- Not seen: what a worker counted after it last published, if it is killed within those
  microseconds. It had answered none of it.

## By token

Where a stream has tokens, its posts are also counted by the name of their token, from 0 for every
name that is configured; a post with a wrong token or none has no name, a stream without tokens no
such samples. Several tokens of one name are counted together. A name that a reload takes out keeps
its last number until the service restarts, so a rate of 0 says that nobody uses its token any more.

## Since when

Counters start at 0 with the service. The gauges of one worker are at most 0.5 s old,
`ingestion_rows_in_flight` and `ingestion_buffer_bytes` as new as the counters.

## All of them
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
    kept = "kept by each worker" if metric.per_worker else "found out by the operations server"
    return f"{metric.kind}, {metric.unit}, {kept}"


def _label_line(label: Label) -> str:
    values = ", ".join(f"`{value}`" for value in label.values)
    return f"- `{label.name}`: {label.source}" + (f": {values}" if values else "") + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(metrics_page())
