"""What is counted is published as one whole, and the books of one worker balance by themselves."""

import random

from utility_ts_analytics.telemetry import registry
from utility_ts_analytics.telemetry.layout import (
    STATE,
    Words,
    file_bytes,
    label_sets,
    newest,
    offset_of,
    words_of,
)
from utility_ts_analytics.telemetry.measures import Measures
from utility_ts_analytics.telemetry.metric import Metric


class Worker:
    """Measures over memory that a reader looks into, and a queue to hold rows."""

    def __init__(self) -> None:
        self.memory = bytearray(file_bytes())
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


class Story(Worker):
    """Moves rows as requests, lanes and spool move them."""

    def __init__(self) -> None:
        super().__init__()
        self.spooled_rows = 0

    def take(self, rows: int) -> None:
        self.held_rows += rows
        self.measures.rows_taken(rows)

    def refuse(self, rows: int) -> None:
        self.measures.rows_refused(registry.ROW_CODES[-rows:])

    def turn_away(self, rows: int) -> None:
        self.measures.rows_turned_away(rows, "sink-unavailable")

    def store(self, rows: int) -> None:
        self.measures.rows_stored(self.leave(rows), 0.1, sink="ilp", wall_ns=1)

    def fail(self, rows: int) -> None:
        self.measures.rows_failed(self.leave(rows), "draining")

    def reject(self, rows: int) -> None:
        self.measures.rows_rejected(self.leave(rows))

    def spool(self, rows: int) -> None:
        rows = self.leave(rows)
        self.spooled_rows += rows
        self.measures.rows_spooled(rows)

    def recover(self, rows: int) -> None:
        self.spooled_rows += rows
        self.measures.rows_recovered(rows)

    def replay(self, rows: int) -> None:
        """Deliver what is in the spool: also what others have put there."""
        self.spooled_rows -= rows
        self.measures.rows_leave_spool(rows)
        self.measures.rows_stored(rows, 0.1, sink="pgwire", wall_ns=1)

    def lose(self, rows: int) -> None:
        self.spooled_rows -= rows
        self.measures.rows_lost_in_spool(rows)

    def leave(self, rows: int) -> int:
        rows = min(rows, self.held_rows)
        self.held_rows -= rows
        return rows


STEPS = (
    *(Story.take, Story.take, Story.refuse, Story.turn_away, Story.store, Story.fail),
    *(Story.reject, Story.spool, Story.recover, Story.replay, Story.lose),
)


def test_books_balance_after_every_step_of_any_story() -> None:
    dice = random.Random(5)  # noqa: S311 - not for secrets
    story = Story()
    for _ in range(500):
        step = dice.choice(STEPS)
        step(story, dice.randint(1, 9))
        assert story.imbalance() == 0, step
        in_flight = story.total(registry.ROWS_IN_FLIGHT)
        assert in_flight == story.held_rows + story.spooled_rows, step
        assert story.total(registry.BUFFER_BYTES) == 10 * story.held_rows
    assert story.total(registry.ROWS_RECOVERED) > 0


def test_what_the_disk_lost_is_failed() -> None:
    worker = Worker()
    worker.held_rows = 0
    worker.measures.rows_recovered(7)
    worker.measures.rows_leave_spool(4)
    worker.measures.rows_stored(4, 0.1, sink="ilp", wall_ns=1)
    worker.measures.rows_lost_in_spool(3)
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
