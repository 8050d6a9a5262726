"""Where each number of a worker stands: all are whole 8-byte words in one array.

The same code runs in every process of a service, so the layout needs no version: a reload starts
new workers of the supervisor's own code.

A worker publishes the array as a snapshot in shared memory: two copies, written in turns, each
followed by a hash of its words. A reader takes the newer copy whose hash is right, so a copy that
is being written, or that a killed worker left half written, is never read. There is no lock, and
no assumption about the order in which another core sees the writes.
"""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Final, TypeAlias

from xxhash import xxh3_64_digest

from utility_ts_analytics.telemetry.metric import STREAM, Metric
from utility_ts_analytics.telemetry.registry import (
    LAST_STORED,
    METRICS,
    ROWS_FAILED,
    ROWS_IN_FLIGHT,
    ROWS_SPOOLED,
    WORKER_DIED,
    WORKER_MEMORY,
)

Words: TypeAlias = "array[int]"
"""All numbers of one worker, or of several, added up: signed, 8 bytes each."""

SEQUENCE, STATE, BEAT_NS = range(3)
"""Words that are no metric: how often it was published, state and time of the last beat."""
_HEAD_WORDS = 3

NS_PER_S: Final = 1_000_000_000

ERROR_WORDS: Final = 5
ERRORS_KEPT: Final = 8


def label_sets(metric: Metric) -> list[tuple[str, ...]]:
    """Return all combinations of the label values of a metric, without the stream."""
    return list(product(*(label.values for label in metric.labels if label is not STREAM)))


def _offsets() -> tuple[dict[tuple[str, tuple[str, ...]], int], int]:
    offsets = {}
    offset = _HEAD_WORDS
    for metric in METRICS:
        for values in label_sets(metric) if metric.has_places else []:
            offsets[metric.name, values] = offset
            offset += words_of(metric)
    return offsets, offset


def words_of(metric: Metric) -> int:
    """Return how many words one combination of labels takes.

    A histogram has one per bucket (not added up, the last without bound), then the sum: of seconds
    in nanoseconds. The count is the sum of the buckets.
    """
    return len(metric.buckets) + 2 if metric.kind == "histogram" else 1


_OFFSETS, ERRORS_AT = _offsets()
OFFSETS: Final[Mapping[tuple[str, tuple[str, ...]], int]] = _OFFSETS
WORDS: Final = ERRORS_AT + ERROR_WORDS * ERRORS_KEPT
"""Length of the array of a stream without tokens."""
TOKEN_WORDS: Final = 2
"""What each token's name adds behind them: `token_counts` alone knows which is whose."""


def offset_of(metric: Metric, *values: str) -> int:
    """Return the first word of a metric with these label values, without the stream.

    Raises:
        KeyError: There is no such label value: the sets are closed.
    """
    return OFFSETS[metric.name, values]


def values_of(words: Words, metric: Metric) -> tuple[int, ...]:
    """Return a counter or gauge for each combination of labels, in the order of `label_sets`."""
    return tuple(words[offset_of(metric, *values)] for values in label_sets(metric))


def _summed() -> Iterator[int]:
    for metric in METRICS:
        if metric.has_places and metric.kind != "gauge":
            for values in label_sets(metric):
                first = offset_of(metric, *values)
                yield from range(first, first + words_of(metric))


_SUMMED: Final = tuple(_summed())
_LATEST: Final = offset_of(LAST_STORED)
_LARGEST: Final = frozenset({_LATEST, offset_of(WORKER_MEMORY)})
_IN_FLIGHT: Final = offset_of(ROWS_IN_FLIGHT)
_SPOOLED: Final = offset_of(ROWS_SPOOLED)
_DIED: Final = offset_of(ROWS_FAILED, WORKER_DIED)


def new_words(token_names: int = 0) -> Words:
    """Return all zeros.

    Args:
        token_names: How many names there are to count by.
    """
    return array("q", bytes(8 * (WORDS + TOKEN_WORDS * token_names)))


def add_dead(total: Words, words: Words) -> None:
    """Add a worker that has ended: its counts, and the rows in its memory as failed.

    Rows that it left in the spool stay in flight: other workers deliver them. Counts by token are
    added by name (`token_counts`), not here or in `add_living`.

    Args:
        total: Changed in place.
        words: The last that the worker published.
    """
    for offset in _SUMMED:
        total[offset] += words[offset]
    total[_LATEST] = max(total[_LATEST], words[_LATEST])
    total[_DIED] += words[_IN_FLIGHT] - words[_SPOOLED]
    total[_SPOOLED] += words[_SPOOLED]
    total[_IN_FLIGHT] += words[_SPOOLED]


def add_living(total: Words, words: Words) -> None:
    """Add all numbers of one living worker; of memory and times the largest is kept."""
    for offset in range(_HEAD_WORDS, ERRORS_AT):
        if offset in _LARGEST:
            total[offset] = max(total[offset], words[offset])
        else:
            total[offset] += words[offset]


_HASH_BYTES: Final = 8


def file_bytes(token_names: int = 0) -> int:
    """Return the length of both copies of a worker that counts by so many names of tokens."""
    return 2 * (8 * (WORDS + TOKEN_WORDS * token_names) + _HASH_BYTES)


class Publisher:
    """Writes one array into one piece of shared memory, again and again. One writer.

    Args:
        words: What is published; its `SEQUENCE` is counted up here.
        memory: `file_bytes` long, shared with the readers.
    """

    def __init__(self, words: Words, memory: memoryview) -> None:
        self._words = words
        self._source = memoryview(words).cast("B")
        self._memory = memory

    def publish(self) -> None:
        """Publish all words as they are now. Takes about half a microsecond."""
        words = self._words
        words[SEQUENCE] = sequence = words[SEQUENCE] + 1
        length = self._source.nbytes
        start = length + _HASH_BYTES if sequence & 1 else 0
        end = start + length
        self._memory[start:end] = self._source
        self._memory[end : end + _HASH_BYTES] = xxh3_64_digest(self._source)


def newest(content: bytes, token_names: int = 0) -> "Words | None":
    """Return the words that were published last, or None if `content` holds no whole copy."""
    if len(content) != file_bytes(token_names):
        return None
    half = len(content) // 2
    whole = [
        array("q", copy[:-_HASH_BYTES])
        for copy in (content[:half], content[half:])
        if xxh3_64_digest(copy[:-_HASH_BYTES]) == copy[-_HASH_BYTES:]
    ]
    return max(whole, key=lambda words: words[SEQUENCE], default=None)


def quantile(share: float, bounds: Sequence[float], counts: Sequence[int]) -> float | None:
    """Estimate a quantile, as Prometheus' `histogram_quantile` does.

    Args:
        share: 0..1.
        bounds: Upper bounds of the buckets, ascending, without infinity.
        counts: What fell into each bucket, not added up; one more than `bounds`.

    Returns:
        A value in the unit of the bounds, straight between those of its bucket; the last bound for
        what is beyond it. None if nothing was counted.
    """
    total = sum(counts)
    if total == 0:
        return None
    rank = share * total
    below = 0
    lower = 0.0
    for bound, count in zip(bounds, counts, strict=False):
        if count and below + count >= rank:
            return lower + (bound - lower) * (rank - below) / count
        below += count
        lower = bound
    return bounds[-1]
