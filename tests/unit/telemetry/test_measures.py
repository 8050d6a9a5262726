"""What is counted is published as one whole, and the books of one worker balance by themselves."""

import random

from utility_ts_analytics.telemetry import registry
from utility_ts_analytics.telemetry.layout import STATE, Words, label_sets, offset_of, words_of
from utility_ts_analytics.telemetry.measures import Measures
from utility_ts_analytics.telemetry.registry import Metric
from utility_ts_analytics.telemetry.snapshot import FILE_BYTES, newest


class Worker:
    """Measures over memory that a reader looks into, and a queue to hold rows."""

    def __init__(self) -> None:
        self.memory = bytearray(FILE_BYTES)
        self.measures = Measures(memoryview(self.memory))
        self.held_rows = 0
        self.measures.held = lambda: (self.held_rows, 10 * self.held_rows)

    def seen(self) -> Words:
        words = newest(bytes(self.memory))
        assert words is not None
        return words

    def total(self, metric: Metric) -> int:
        return sum(self.seen()[offset_of(metric, *values)] for values in label_sets(metric))

    def imbalance(self) -> int:
        ends = (registry.ROWS_STORED, registry.ROWS_REJECTED, registry.ROWS_FAILED)
        closed = sum(self.total(metric) for metric in ends)
        return self.total(registry.ROWS_RECEIVED) - closed - self.total(registry.ROWS_IN_FLIGHT)


def test_bytes_of_a_body_are_seen_with_the_next_step() -> None:
    worker = Worker()
    worker.measures.request_began()
    worker.measures.request_bytes(100)
    assert worker.total(registry.REQUEST_BYTES) == 0
    worker.measures.rows_taken(0)
    assert worker.total(registry.REQUEST_BYTES) == 100
    assert worker.total(registry.REQUESTS_IN_FLIGHT) == 1
    worker.measures.request_ended(200, 0.003)
    assert worker.total(registry.REQUESTS_IN_FLIGHT) == 0
    assert worker.seen()[offset_of(registry.REQUESTS, "200")] == 1


def test_status_that_nobody_thought_of_is_counted_as_other() -> None:
    worker = Worker()
    worker.measures.request_ended(418, 0.1)
    assert worker.seen()[offset_of(registry.REQUESTS, "other")] == 1


def test_value_on_a_bound_is_in_its_bucket_and_large_ones_in_the_last() -> None:
    worker = Worker()
    for seconds in (0.001, 0.0011, 1000.0):
        worker.measures.request_ended(200, seconds)
    first = offset_of(registry.REQUEST_SECONDS)
    length = words_of(registry.REQUEST_SECONDS)
    *buckets, total = worker.seen()[first : first + length]
    assert buckets == [1, 1, *[0] * (len(buckets) - 3), 1]
    assert total == 1_000_002_100_000


def test_books_balance_after_every_step_of_any_story() -> None:
    """Rows move as lanes and spool move them; each publication is looked at."""
    dice = random.Random(5)  # noqa: S311 - not for secrets
    worker = Worker()
    measures = worker.measures
    spooled = 0
    for _ in range(500):
        step = dice.choice(["take", "refuse", "away", "end", "spool", "replay", "recover", "late"])
        count = dice.randint(1, 9)
        if step == "take":
            worker.held_rows += count
            measures.rows_taken(count)
        elif step == "refuse":
            measures.rows_refused(dice.choices(registry.ROW_CODES, k=count))
        elif step == "away":
            measures.rows_turned_away(count, "sink-unavailable")
        elif step == "recover":
            spooled += count
            measures.rows_recovered(count)
        elif step == "late":  # what nobody knew of is found in the spool
            measures.rows_leave_spool(spooled + count)
            measures.rows_stored(spooled + count, 0.1, sink="ilp", wall_ns=1)
            spooled = 0
        elif step == "replay" and spooled:
            rows = min(count, spooled)
            spooled -= rows
            measures.rows_leave_spool(rows)
            measures.rows_stored(rows, 0.1, sink="pgwire", wall_ns=1)
        elif worker.held_rows:
            rows = min(count, worker.held_rows)
            worker.held_rows -= rows
            if step == "spool":
                spooled += rows
                measures.rows_spooled(rows)
            else:
                end = dice.choice(["stored", "failed", "rejected"])
                if end == "stored":
                    measures.rows_stored(rows, 0.1, sink="ilp", wall_ns=1)
                elif end == "failed":
                    measures.rows_failed(rows, "draining")
                else:
                    measures.rows_rejected(rows)
        assert worker.imbalance() == 0, step
        assert worker.total(registry.ROWS_IN_FLIGHT) == worker.held_rows + spooled
        assert worker.total(registry.BUFFER_BYTES) == 10 * worker.held_rows
    assert worker.total(registry.ROWS_RECOVERED) > 0


def test_what_the_disk_lost_is_failed() -> None:
    worker = Worker()
    worker.held_rows = 0
    worker.measures.rows_recovered(7)
    worker.measures.rows_leave_spool(4)
    worker.measures.rows_stored(4, 0.1, sink="ilp", wall_ns=1)
    worker.measures.spool_is_empty()
    worker.measures.spool_is_empty()
    assert worker.seen()[offset_of(registry.ROWS_FAILED, registry.SPOOL_DAMAGED)] == 3
    assert (worker.imbalance(), worker.total(registry.ROWS_IN_FLIGHT)) == (0, 0)


def test_state_and_gauges_are_said() -> None:
    worker = Worker()
    worker.measures.say(2, 1.5, [(registry.WORKER_MEMORY, 4096)])
    assert worker.seen()[STATE] == 2
    assert worker.total(registry.WORKER_MEMORY) == 4096


def test_lanes_sinks_and_letters_have_counters_of_their_own() -> None:
    worker = Worker()
    worker.measures.fell_back(active=True)
    worker.measures.retried("in-doubt", sink="ilp")
    worker.measures.dead_letter(kept=False)
    assert worker.total(registry.FALLBACK_ACTIVE) == 1
    assert worker.seen()[offset_of(registry.SINK_RETRIES, "ilp", "in-doubt")] == 1
    assert worker.seen()[offset_of(registry.DEAD_LETTERS, "not-kept")] == 1
    worker.measures.fell_back(active=False)
    assert worker.total(registry.FALLBACK_ACTIVE) == 0
