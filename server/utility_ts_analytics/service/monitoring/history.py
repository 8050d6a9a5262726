"""Samples of the last five minutes, in the memory of the operations server; lost on restart."""

import itertools
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from utility_ts_analytics.asgi.responses import Json
from utility_ts_analytics.service.worker_totals import WorkerTotals
from utility_ts_analytics.telemetry import registry
from utility_ts_analytics.telemetry.error_notes import ErrorNote, error_notes
from utility_ts_analytics.telemetry.layout import (
    NS_PER_S,
    Words,
    offset_of,
    quantile,
    values_of,
    words_of,
)
from utility_ts_analytics.telemetry.metric import Metric
from utility_ts_analytics.telemetry.registry import SINKS

SAMPLE_EVERY_S: Final = 1.0
SAMPLES_MAX: Final = 300
"""Five minutes."""
ERRORS_MAX: Final = 50
_RATE_S: Final = 5.0
_LATENCY_S: Final = 60.0
_CURVES: Final = ("received_rows_per_s", "stored_rows_per_s", "refused_rows_per_s")
_REASONS: Final = (*registry.ROW_CODES, *registry.FAILED)
"""Reasons of refused rows: of rejected ones, then of failed ones; no name is in both."""


@dataclass(frozen=True, slots=True)
class _Sample:
    """Totals of one stream at one moment.

    Attributes:
        at_s: Monotonic time, seconds.
        answers: Requests per bucket of `REQUEST_SECONDS`.
        flushes: Flushes per bucket of `FLUSH_SECONDS`, both sinks together.
        reasons: Refused rows in the order of `_REASONS`.
        codes: Requests in the order of `registry.STATUSES`.
    """

    at_s: float
    received: int
    stored: int
    reasons: Sequence[int]
    codes: Sequence[int]
    flushed_rows: int
    answers: Sequence[int]
    flushes: Sequence[int]

    @property
    def refused(self) -> int:
        """Rows that were rejected or given back."""
        return sum(self.reasons)

    @property
    def requests(self) -> int:
        """Requests answered."""
        return sum(self.codes)


class History:
    """Samples of all streams, and the last errors. One event loop.

    Args:
        streams: Their names.
    """

    def __init__(self, streams: Iterable[str]) -> None:
        self._samples: dict[str, deque[_Sample]] = {
            name: deque(maxlen=SAMPLES_MAX) for name in streams
        }
        self._errors: deque[tuple[str, ErrorNote]] = deque(maxlen=ERRORS_MAX)

    def sample(self, totals: WorkerTotals, now_s: float) -> None:
        """Take a sample.

        Args:
            totals: Of all workers.
            now_s: Monotonic time, seconds, after that of the last call.
        """
        for name, samples in self._samples.items():
            samples.append(_sample(totals.of(name), now_s))
        seen = set(self._errors)
        new = {
            (worker.stream, note)
            for worker in totals.workers
            if worker.stream in self._samples
            for note in error_notes(worker.words)
        }
        self._errors.extend(sorted(new - seen, key=lambda error: error[1].wall_ns))

    def errors(self) -> list[Json]:
        """Return the last errors, newest first, as `documents` describes them."""
        newest = sorted(self._errors, key=lambda error: error[1].wall_ns, reverse=True)
        return [
            {
                "at": note.wall_ns / NS_PER_S,
                "stream": stream,
                "code": note.code,
                "line": note.position if note.position >= 0 else None,
                "field": note.field or None,
            }
            for stream, note in newest
        ]

    def lately(self, stream: str) -> dict[str, Json]:
        """Return the members `now`, `last_minute` and `history` of one stream."""
        samples = self._samples[stream]
        return {
            "now": _rates(*_span(samples, _RATE_S)) if samples else {},
            "last_minute": _times(*_span(samples, _LATENCY_S)) if samples else {},
            "history": _curves(list(samples)),
        }


def _sample(words: Words, now_s: float) -> _Sample:
    flushes = [_buckets(words, registry.FLUSH_SECONDS, sink) for sink in SINKS]
    rows_at = words_of(registry.FLUSH_ROWS) - 1
    return _Sample(
        at_s=now_s,
        received=words[offset_of(registry.ROWS_RECEIVED)],
        stored=sum(values_of(words, registry.ROWS_STORED)),
        reasons=values_of(words, registry.ROWS_REJECTED) + values_of(words, registry.ROWS_FAILED),
        codes=values_of(words, registry.REQUESTS),
        flushed_rows=sum(words[offset_of(registry.FLUSH_ROWS, sink) + rows_at] for sink in SINKS),
        answers=_buckets(words, registry.REQUEST_SECONDS),
        flushes=[sum(pair) for pair in zip(*flushes, strict=True)],
    )


def _buckets(words: Words, metric: Metric, *values: str) -> Sequence[int]:
    first = offset_of(metric, *values)
    return tuple(words[first : first + words_of(metric) - 1])


def _span(samples: Sequence[_Sample], length_s: float) -> tuple[_Sample, _Sample]:
    """Return the oldest sample that is not older than `length_s` before the last, and the last."""
    last = samples[-1]
    first = next(sample for sample in samples if last.at_s - sample.at_s <= length_s)
    return first, last


def _rates(first: _Sample, last: _Sample) -> dict[str, Json]:
    return {
        "received_rows_per_s": _per_s(first, last, last.received - first.received),
        "stored_rows_per_s": _per_s(first, last, last.stored - first.stored),
        "refused_rows_per_s": _per_s(first, last, last.refused - first.refused),
        "requests_per_s": _per_s(first, last, last.requests - first.requests),
    }


def _times(first: _Sample, last: _Sample) -> dict[str, Json]:
    flushes = sum(last.flushes) - sum(first.flushes)
    received = last.received - first.received
    answered = (registry.REQUEST_SECONDS.buckets, _grown(first.answers, last.answers))
    flushed = (registry.FLUSH_SECONDS.buckets, _grown(first.flushes, last.flushes))
    return {
        "requests": last.requests - first.requests,
        "requests_by_code": _named(registry.STATUSES, _grown(first.codes, last.codes)),
        "received_rows": received,
        "refused_by_reason": _named(_REASONS, _grown(first.reasons, last.reasons)),
        "refused_share": round((last.refused - first.refused) / received, 6) if received else None,
        "request_p50_ms": _ms(quantile(0.5, *answered)),
        "request_p99_ms": _ms(quantile(0.99, *answered)),
        "flush_p50_ms": _ms(quantile(0.5, *flushed)),
        "flush_p99_ms": _ms(quantile(0.99, *flushed)),
        "flush_rows_mean": (last.flushed_rows - first.flushed_rows) // flushes if flushes else None,
    }


def _curves(samples: Sequence[_Sample]) -> dict[str, Json]:
    steps = [_rates(first, last) for first, last in itertools.pairwise(samples)]
    curves: Mapping[str, list[Json]] = {name: [step[name] for step in steps] for name in _CURVES}
    return {"step_s": SAMPLE_EVERY_S, **curves}


def _grown(before: Sequence[int], after: Sequence[int]) -> list[int]:
    return [new - old for old, new in zip(before, after, strict=True)]


def _named(names: Sequence[str], counts: Sequence[int]) -> dict[str, Json]:
    return {name: count for name, count in zip(names, counts, strict=True) if count}


def _per_s(first: _Sample, last: _Sample, count: int) -> int:
    return round(count / (last.at_s - first.at_s)) if last.at_s > first.at_s else 0


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 2)
