"""What one worker counts. One writer, one event loop; added to once per block, batch or request.

Methods that end a step publish all numbers at once (`telemetry/layout.py`), so that readers never
see half a step. `registry.py` has their meaning.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from utility_ts_analytics.telemetry import log_metrics, registry
from utility_ts_analytics.telemetry.error_notes import ErrorNotes
from utility_ts_analytics.telemetry.layout import (
    BEAT_NS,
    NS_PER_S,
    STATE,
    Publisher,
    Words,
    file_bytes,
    new_words,
    offset_of,
    words_of,
)
from utility_ts_analytics.telemetry.metric import Metric
from utility_ts_analytics.telemetry.token_counts import TokenCounts

Held = Callable[[], tuple[int, int]]
"""Returns the rows that are held in memory and their body bytes, at this moment."""

_SPOOLED = offset_of(registry.ROWS_SPOOLED)
_IN_FLIGHT = offset_of(registry.ROWS_IN_FLIGHT)
_BUFFER_BYTES = offset_of(registry.BUFFER_BYTES)
_RECEIVED = offset_of(registry.ROWS_RECEIVED)
_RECOVERED = offset_of(registry.ROWS_RECOVERED)
_REQUEST_BYTES = offset_of(registry.REQUEST_BYTES)
_OPEN_REQUESTS = offset_of(registry.REQUESTS_IN_FLIGHT)
_FALLBACK = offset_of(registry.FALLBACK_ACTIVE)
_LAST_STORED = offset_of(registry.LAST_STORED)
_MESSAGES_READ = offset_of(log_metrics.MESSAGES_READ)
_MESSAGES_WRITTEN = offset_of(log_metrics.MESSAGES_WRITTEN)
_LETTERS_KEPT = offset_of(registry.DEAD_LETTERS, "kept")
_LETTERS_WAITING = {
    reason: offset_of(log_metrics.LETTERS_WAITING, reason) for reason in log_metrics.LETTER_TROUBLES
}
_SPOOL_DAMAGED = offset_of(registry.ROWS_FAILED, registry.SPOOL_DAMAGED)
_STATUSES = {code: offset_of(registry.REQUESTS, code) for code in registry.STATUSES}
_REJECTED = {code: offset_of(registry.ROWS_REJECTED, code) for code in registry.ROW_CODES}


class _Histogram:
    """Where one histogram stands among the words; looked up once, not with each value."""

    def __init__(self, metric: Metric, *values: str) -> None:
        self.bounds = metric.buckets
        self.first = offset_of(metric, *values)
        self.total = self.first + words_of(metric) - 1
        self.scale = NS_PER_S if metric.unit == "seconds" else 1


_REQUEST_SECONDS = _Histogram(registry.REQUEST_SECONDS)
_SINKS: dict[str, tuple[int, _Histogram, _Histogram]] = {
    sink: (
        offset_of(registry.ROWS_STORED, sink),
        _Histogram(registry.FLUSH_SECONDS, sink),
        _Histogram(registry.FLUSH_ROWS, sink),
    )
    for sink in registry.SINKS
}


class Measures:
    """The numbers of one worker.

    Args:
        memory: Where they are published, `layout.file_bytes` long; None publishes nothing.
        token_names: What requests are counted by, in this order; no two are equal.

    Attributes:
        words: All of them, by `layout`.
        errors: The last errors.
        tokens: What is counted by token; published with whatever comes next.
        held: Asked for the rows in memory each time that something is published: the books are
            balanced against the queues themselves, not against a difference of counters.
    """

    def __init__(self, memory: memoryview | None = None, token_names: Sequence[str] = ()) -> None:
        self.words = new_words(len(token_names))
        self.errors = ErrorNotes(self.words)
        self.tokens = TokenCounts(self.words, token_names)
        self.held: Held = _nothing_held
        own_memory = memory or memoryview(bytearray(file_bytes(len(token_names))))
        self._publisher = Publisher(self.words, own_memory)
        self.publish()

    def publish(self) -> None:
        """Publish everything added so far."""
        words = self.words
        rows, words[_BUFFER_BYTES] = self.held()
        words[_IN_FLIGHT] = rows + words[_SPOOLED]
        self._publisher.publish()

    def say(self, state: int, beat_s: float, gauges: Iterable[tuple[Metric, int]] = ()) -> None:
        """Publish a heartbeat, and the gauges that are measured from time to time.

        Args:
            state: One of `service.shared_worker_state`.
            beat_s: Monotonic time, seconds.
            gauges: Of metrics without further labels.
        """
        for metric, value in gauges:
            self.words[offset_of(metric)] = value
        self.words[STATE] = state
        self.words[BEAT_NS] = round(beat_s * NS_PER_S)
        self.publish()

    # Requests

    def request_began(self) -> None:
        """Count a request as open; published with whatever comes next."""
        self.words[_OPEN_REQUESTS] += 1

    def request_bytes(self, size_bytes: int) -> None:
        """Count bytes of a body as they come in; published with whatever comes next."""
        self.words[_REQUEST_BYTES] += size_bytes

    def request_ended(self, status: int, seconds: float) -> None:
        """Count a request that is about to be answered.

        Args:
            status: Of the answer.
            seconds: Since its head.
        """
        words = self.words
        words[_OPEN_REQUESTS] -= 1
        words[_STATUSES.get(str(status), _STATUSES["other"])] += 1
        _observe(words, _REQUEST_SECONDS, seconds)
        self.publish()

    # The log

    def messages_read(self, messages: int) -> None:
        """Count messages read from the log; published with whatever comes next."""
        self.words[_MESSAGES_READ] += messages

    def messages_written(self, messages: int) -> None:
        """Count messages that the log has; published with whatever comes next."""
        self.words[_MESSAGES_WRITTEN] += messages

    def dead_letters_kept(self, rows: int) -> None:
        """Count refused records that the dead-letter topic has taken."""
        self.words[_LETTERS_KEPT] += rows
        self.publish()

    def dead_letters_waiting(self, rows: Mapping[log_metrics.LetterTrouble, int]) -> None:
        """Note by reason what the dead-letter topic does not take; published with what comes next.

        Args:
            rows: Without the reasons that do not hold.
        """
        for reason, offset in _LETTERS_WAITING.items():
            self.words[offset] = rows.get(reason, 0)

    # Rows

    def rows_taken(self, rows: int) -> None:
        """Count valid rows that the buffer has just taken."""
        self.words[_RECEIVED] += rows
        self.publish()

    def rows_turned_away(self, rows: int, reason: str) -> None:
        """Count valid rows that the buffer had no room for in time."""
        self.words[_RECEIVED] += rows
        self.rows_failed(rows, reason)

    def rows_refused(self, codes: Iterable[str]) -> None:
        """Count lines that are no record or break a rule, one code for each."""
        for code, rows in Counter(codes).items():
            self.words[_RECEIVED] += rows
            self.words[_REJECTED[code]] += rows
        self.publish()

    def rows_failed(self, rows: int, reason: str) -> None:
        """Count rows given back for good, once they are out of the queue."""
        self.words[offset_of(registry.ROWS_FAILED, reason)] += rows
        self.publish()

    def rows_rejected(self, rows: int) -> None:
        """Count rows that the database refused for good, once they are out of the queue."""
        self.words[_REJECTED["sink-rejected"]] += rows
        self.publish()

    def rows_stored(self, rows: int, seconds: float, *, sink: str, wall_ns: int) -> None:
        """Count one stored batch, once it is out of the queue.

        Args:
            rows: Of the batch, >= 1.
            seconds: From the first attempt to the acknowledgement.
            sink: One of `registry.SINKS`.
            wall_ns: When, nanoseconds since 1970.
        """
        words = self.words
        stored, flush_seconds, flush_rows = _SINKS[sink]
        words[stored] += rows
        _observe(words, flush_seconds, seconds)
        _observe(words, flush_rows, rows)
        words[_LAST_STORED] = wall_ns
        self.publish()

    # The spool

    def rows_spooled(self, rows: int) -> None:
        """Count rows that went from the queue to the disk: they stay in flight."""
        self.words[_SPOOLED] += rows
        self.publish()

    def rows_recovered(self, rows: int) -> None:
        """Count spooled rows that no worker has counted: they are received, and in flight."""
        self.words[_RECEIVED] += rows
        self.words[_RECOVERED] += rows
        self.words[_SPOOLED] += rows
        self.publish()

    def rows_leave_spool(self, rows: int) -> None:
        """Take rows off the spool; what became of them is counted and published next."""
        self.words[_SPOOLED] -= rows  # below 0 where others spooled them: the sum is what counts

    def rows_lost_in_spool(self, rows: int) -> None:
        """Count rows that were in the spool and cannot be read any more."""
        self.words[_SPOOLED] -= rows
        self.words[_SPOOL_DAMAGED] += rows
        self.publish()

    # The sinks

    def retried(self, reason: str, *, sink: str) -> None:
        """Count one repeated send."""
        self.words[offset_of(registry.SINK_RETRIES, sink, reason)] += 1
        self.publish()

    def fell_back(self, *, active: bool) -> None:
        """Count the lanes that go by their second choice."""
        self.words[_FALLBACK] += 1 if active else -1
        self.publish()

    def dead_letter(self, *, kept: bool) -> None:
        """Count a refused row that was to be kept."""
        self.words[offset_of(registry.DEAD_LETTERS, "kept" if kept else "not-kept")] += 1
        self.publish()


def _observe(words: Words, histogram: _Histogram, value: float) -> None:
    words[histogram.first + bisect_left(histogram.bounds, value)] += 1
    words[histogram.total] += int(value * histogram.scale)


def _nothing_held() -> tuple[int, int]:
    return 0, 0
