"""What the operations port tells of Kafka, the same for `serve` and `consume`.

Either `serve` writes to the topics (`broker_watch`), or `consume` reads them (`consume.lag`).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from utility_ts_analytics.asgi.responses import Json
from utility_ts_analytics.service.worker_totals import WorkerTotals
from utility_ts_analytics.sinks.kafka.replication import UNKNOWN, Replication
from utility_ts_analytics.telemetry.layout import Words, values_of
from utility_ts_analytics.telemetry.log_metrics import LETTER_TROUBLES, LETTERS_WAITING

_ADVICE: Final[Mapping[str, str]] = {
    "missing": "the dead-letter topic {} does not exist: create it (docs/KAFKA.md)",
    "not-allowed": "this user may not write to the dead-letter topic {}",
    "too-few-replicas": "too few brokers have all of the dead-letter topic {}",
    "too-large": "the dead-letter topic {} takes no record of this size: raise max.message.bytes",
    "disk": "a broker cannot write the dead-letter topic {} to its disk",
    "no-answer": "no broker answers for the dead-letter topic {}",
    "other": "the dead-letter topic {} cannot be written: the log says why",
}

_VAGUE: Final = frozenset({"no-answer", "other"})
"""Reasons that a look at the topic may know better."""


class TopicsWatch(Protocol):
    """What is known of the topics of some streams."""

    @property
    def known(self) -> bool:
        """Whether the brokers were asked."""
        ...

    @property
    def replication(self) -> Mapping[str, Replication]:
        """Where the replicas of each stream's topic are, as far as that is known."""
        ...

    def reasons(self) -> list[str]:
        """Return one line per reason why the topics cannot be used."""
        ...

    def topic_reasons(self) -> Mapping[str, str]:
        """Return by stream why its topic cannot be used; empty texts where it can."""
        ...


@dataclass(slots=True)
class LastReason:
    """The last reason that Kafka could not be used. Kept when it can be used again.

    Attributes:
        reason: One line; empty if there was none.
        wall_s: When it was seen last, seconds since 1970.
    """

    reason: str = ""
    wall_s: float = 0.0

    def note(self, reasons: Iterable[str], wall_s: float) -> None:
        """Take the reasons of this moment, if there are any."""
        found = "; ".join(reasons)
        if found:
            self.reason, self.wall_s = found, wall_s


def kafka_facts(watch: TopicsWatch, topics: Mapping[str, str], last: LastReason) -> dict[str, Json]:
    """Return the member `kafka` of the status (`documents`).

    Args:
        watch: Of the streams.
        topics: Name of the topic by stream.
        last: The last reason.
    """
    reasons, known = watch.reasons(), watch.replication
    brokers = frozenset[int]().union(*(one.brokers for one in known.values()))
    in_sync = frozenset[int]().union(*(one.brokers_in_sync for one in known.values()))
    told = watch.topic_reasons()
    return {
        "up": not reasons,
        "reason": "; ".join(reasons),
        "brokers": len(brokers),
        "brokers_in_sync": len(in_sync),
        "last_error": {"at": last.wall_s, "reason": last.reason} if last.reason else None,
        "topics": {
            topic: _topic(stream, known.get(stream, UNKNOWN), told.get(stream, ""))
            for stream, topic in topics.items()
        },
    }


def waiting_letters(
    totals: WorkerTotals, topics: Mapping[str, str], troubles: Mapping[str, str]
) -> Iterator[str]:
    """Yield why refused records are not kept, one line per stream and reason.

    Args:
        totals: Of all workers.
        topics: Name of the dead-letter topic by stream.
        troubles: What is known of these topics without writing to them, by stream.
    """
    for stream, topic in topics.items():
        for reason, rows in letters_waiting(totals.of(stream)).items():
            known = troubles.get(stream) if reason in _VAGUE else None
            why = known or _ADVICE[reason].format(topic)
            yield f"{rows} refused records of {stream} wait, and all that is behind them: {why}"


def letters_waiting(words: Words) -> dict[str, int]:
    """Return how many refused records of a stream wait, by reason; reasons without any left out."""
    counts = zip(LETTER_TROUBLES, values_of(words, LETTERS_WAITING), strict=True)
    return {reason: rows for reason, rows in counts if rows}


def _topic(stream: str, found: Replication, reason: str) -> dict[str, Json]:
    return {
        "stream": stream,
        "partitions": found.partitions,
        "replicas": found.replicas,
        "in_sync_min": found.in_sync_min,
        "under_replicated": found.under_replicated,
        "reason": reason,
    }
