"""What a stop could not deliver is told per stream; a worker that died is told once."""

from tests.unit.service.signs import sign

from utility_ts_analytics.service.beacon import DRAINING, STOPPED
from utility_ts_analytics.service.undelivered import Undelivered, WorkerEnds, undelivered


def test_lost_and_given_back_rows_are_summed_over_the_workers_of_a_stream() -> None:
    before = [sign(1, failed_rows=100, held_rows=9), sign(2, held_rows=4)]
    after = [
        sign(1, state=STOPPED, failed_rows=107),
        sign(2, state=DRAINING, held_rows=4, failed_rows=1),
    ]
    assert undelivered(before, after) == [Undelivered("meter_usage", 4, 8)]


def test_stream_that_delivered_everything_is_left_out() -> None:
    before = [sign(1, held_rows=9), sign(2, held_rows=4, stream="generation_output")]
    after = [sign(1, state=STOPPED), sign(2, held_rows=3, stream="generation_output")]
    assert undelivered(before, after) == [Undelivered("generation_output", 3, 0)]


def test_rows_of_a_worker_that_died_before_the_stop_are_not_told_again() -> None:
    assert undelivered([sign(1)], [sign(1), sign(2, held_rows=50)]) == []


def test_worker_that_ends_without_having_stopped_is_told_once() -> None:
    ends = WorkerEnds()
    assert ends.look([], [sign(1), sign(2)]) == []
    last = [sign(1, held_rows=7), sign(2)]
    assert ends.look([sign(1)], last) == [last[0]]
    assert ends.look([sign(1)], last) == []


def test_worker_that_said_at_last_that_it_stopped_is_no_news() -> None:
    ends = WorkerEnds()
    assert ends.look([sign(1, state=DRAINING)], [sign(1, state=STOPPED)]) == []
    assert ends.look([sign(1, state=STOPPED)], [sign(1, state=STOPPED)]) == []


def test_worker_that_got_the_process_id_of_a_dead_one_is_told_too() -> None:
    ends = WorkerEnds()
    assert ends.look([sign(1)], [sign(1)]) == [sign(1)]
    assert ends.look([], [sign(1)]) == []
    assert ends.look([sign(1)], [sign(1)]) == [sign(1)]
