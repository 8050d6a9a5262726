"""What a metric is: its name, kind, unit, labels and meaning. Which there are: `registry.py`."""

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["counter", "gauge", "histogram", "info"]
Unit = Literal[
    "requests",
    "rows",
    "messages",
    "bytes",
    "seconds",
    "workers",
    "partitions",
    "transactions",
    "lines",
    "count",
    "yes/no",
]


@dataclass(frozen=True, slots=True)
class Label:
    """One label of a metric.

    Attributes:
        name: As in the exposition.
        values: All that it can be; empty where the configuration or the version says it.
        source: Where the values come from, for the page.
    """

    name: str
    values: tuple[str, ...]
    source: str


STREAM: Final = Label("stream", (), "the streams")


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Attributes:
        name: As in the exposition, `_total` of counters included.
        kind: As Prometheus has it; `info` is a gauge that is always 1.
        unit: What is counted or measured.
        meaning: One line: the help text.
        labels: In the order of the exposition.
        buckets: Upper bounds of a histogram, ascending, without infinity.
        per_worker: Whether workers keep it; otherwise the operations server finds it out.
    """

    name: str
    kind: Kind
    unit: Unit
    meaning: str
    labels: tuple[Label, ...] = ()
    buckets: tuple[float, ...] = ()
    per_worker: bool = True

    @property
    def has_places(self) -> bool:
        """Whether its numbers have fixed places in the layout: workers keep it, all labels known.

        The label `stream` needs no places: each worker serves one stream.
        """
        return self.per_worker and all(label.values for label in self.labels if label is not STREAM)
