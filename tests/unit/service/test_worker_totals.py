"""Each worker is counted once, however the supervisor dies; lost rows and deaths are told once."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.service.worker_states import worker_state

from utility_ts_analytics.service import worker_totals
from utility_ts_analytics.service.shared_worker_state import (
    DRAINING,
    SERVING,
    STOPPED,
    WorkerState,
    WorkerStateFile,
    read_workers,
)
from utility_ts_analytics.service.worker_totals import (
    UndeliveredRows,
    WorkerDeaths,
    add_dead_workers,
    read_worker_totals,
    undelivered_rows,
)
from utility_ts_analytics.telemetry import registry
from utility_ts_analytics.telemetry.layout import offset_of
from utility_ts_analytics.telemetry.token_counts import NAMES_MAX, OTHER

STREAM = "meter_usage"


def leave_worker(folder: Path, rows: int, *, held: int = 0, state: int = SERVING) -> WorkerState:
    """Leave the file of a worker that took `rows`, stored some and still held others."""
    before = {worker.file for worker in read_workers(folder)}
    state_file = WorkerStateFile(folder, STREAM)
    state_file.measures.held = lambda: (held, 0)
    state_file.measures.rows_taken(rows)
    state_file.measures.rows_stored(rows - held, 0.1, sink="ilp", wall_ns=1)
    state_file.publish(state, 1.0)
    [worker] = [worker for worker in read_workers(folder) if worker.file not in before]
    return worker


def numbers(folder: Path) -> tuple[int, int, int, int]:
    """Return what all workers received and stored, lost by dying, and still hold."""
    words = read_worker_totals(folder).of(STREAM)
    return (
        words[offset_of(registry.ROWS_RECEIVED)],
        words[offset_of(registry.ROWS_STORED, "ilp")],
        words[offset_of(registry.ROWS_FAILED, "worker-died")],
        words[offset_of(registry.ROWS_IN_FLIGHT)],
    )


def test_rows_of_the_dead_are_failed_once_and_their_files_are_gone(tmp_path: Path) -> None:
    dead = [leave_worker(tmp_path, 10, held=3), leave_worker(tmp_path, 20, held=4)]
    leave_worker(tmp_path, 5, held=1)
    assert numbers(tmp_path) == (35, 27, 0, 8)
    add_dead_workers(tmp_path, dead)
    assert numbers(tmp_path) == (35, 27, 7, 1)
    assert len(list(tmp_path.glob("*.worker"))) == 1
    for _ in range(20):
        add_dead_workers(tmp_path, [leave_worker(tmp_path, 1)])
    assert numbers(tmp_path) == (55, 47, 7, 1)
    assert len(list(tmp_path.iterdir())) == 2


def counting(folder: Path, rows: int, *names: str) -> None:
    """Leave the file of a worker that answered one request of each token."""
    state_file = WorkerStateFile(folder, STREAM, names)
    for name in names:
        state_file.measures.tokens.add(name, rows)
    state_file.measures.publish()


def test_counts_by_token_keep_their_names_though_a_reload_puts_others_there(tmp_path: Path) -> None:
    for rows in (1, 2):
        counting(tmp_path, rows, "old", "both")
    dead = list(read_workers(tmp_path))
    counting(tmp_path, 40, "both", "new")
    by_token = {"old": (2, 3), "both": (3, 43), "new": (1, 40)}
    assert read_worker_totals(tmp_path).by_token(STREAM) == by_token
    for _ in range(2):
        add_dead_workers(tmp_path, dead)
        assert read_worker_totals(tmp_path).by_token(STREAM) == by_token
    add_dead_workers(tmp_path, read_workers(tmp_path))
    assert read_worker_totals(tmp_path).by_token(STREAM) == by_token
    assert read_worker_totals(tmp_path).by_token("generation_output") == {}


def test_names_of_many_reloads_are_bounded_and_those_in_use_are_kept(tmp_path: Path) -> None:
    counting(tmp_path, 1, "kept", "gone")
    add_dead_workers(tmp_path, read_workers(tmp_path))
    counting(tmp_path, 1, "kept")
    living = {worker.file for worker in read_workers(tmp_path)}
    for start in range(0, NAMES_MAX + 10, 64):
        counting(tmp_path, 1, *(f"n{index}" for index in range(start, start + 64)))
        add_dead_workers(
            tmp_path, [worker for worker in read_workers(tmp_path) if worker.file not in living]
        )
    by_token = read_worker_totals(tmp_path).by_token(STREAM)
    assert by_token["kept"] == (2, 2)
    assert "gone" not in by_token
    assert len(by_token) == NAMES_MAX + len({"kept", OTHER})
    assert sum(numbers.requests for numbers in by_token.values()) == 3 + NAMES_MAX + 64


def test_only_those_that_did_not_stop_in_order_are_restarts(tmp_path: Path) -> None:
    add_dead_workers(
        tmp_path, [leave_worker(tmp_path, 1), leave_worker(tmp_path, 1, state=STOPPED)]
    )
    assert read_worker_totals(tmp_path).of(STREAM)[offset_of(registry.WORKER_RESTARTS)] == 1


def test_what_a_worker_counted_up_to_its_end_is_read_again(tmp_path: Path) -> None:
    worker = leave_worker(tmp_path, 10)
    worker_file = tmp_path / worker.file
    later = leave_worker(tmp_path, 11)
    (tmp_path / later.file).rename(worker_file)
    add_dead_workers(tmp_path, [worker])
    assert numbers(tmp_path) == (11, 11, 0, 0)


@pytest.mark.parametrize("step", ["write_bytes", "rename", "unlink"])
def test_supervisor_that_dies_within_a_summing_counts_nobody_twice_or_never(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """`unlink` fails for the second file: the record is written, one file gone, one still there."""
    add_dead_workers(tmp_path, [leave_worker(tmp_path, 100)])
    dead = [leave_worker(tmp_path, 10, held=3), leave_worker(tmp_path, 20, held=4)]
    received = numbers(tmp_path)[:2]
    real: Callable[..., object] = getattr(Path, step)
    calls = []

    def die(path: Path, *arguments: object) -> object:
        calls.append(path)
        if len(calls) >= (2 if step == "unlink" else 1):
            raise KeyboardInterrupt
        return real(path, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Path, step, die)
        with pytest.raises(KeyboardInterrupt):
            add_dead_workers(tmp_path, dead)
    assert numbers(tmp_path)[:2] == received
    add_dead_workers(
        tmp_path,
        [worker for worker in read_workers(tmp_path) if worker.file in {s.file for s in dead}],
    )
    assert numbers(tmp_path) == (*received, 7, 0)
    assert list(tmp_path.glob("*.worker")) == []


def test_reader_that_is_overtaken_by_a_summing_looks_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record is read, then everything is summed before the files are read."""
    dead = [leave_worker(tmp_path, 10), leave_worker(tmp_path, 20)]
    real = read_workers
    looks = []

    def overtaken(folder: Path) -> list[WorkerState]:
        looks.append(folder)
        if len(looks) == 1:
            with monkeypatch.context() as patch:
                patch.setattr(worker_totals, "read_workers", real)
                add_dead_workers(tmp_path, dead)
        return list(real(folder))

    monkeypatch.setattr(worker_totals, "read_workers", overtaken)
    assert numbers(tmp_path)[:2] == (30, 30)
    assert len(looks) == 2


def test_folder_that_is_gone_is_an_error_that_the_supervisor_can_catch(tmp_path: Path) -> None:
    worker = leave_worker(tmp_path, 1)
    tmp_path.rename(f"{tmp_path}.gone")
    with pytest.raises(OSError, match="No such file"):
        add_dead_workers(tmp_path, [worker])


def test_lost_and_given_back_rows_are_summed_over_the_workers_of_a_stream() -> None:
    before = [worker_state(1, failed_rows=100, held_rows=9), worker_state(2, held_rows=4)]
    after = [
        worker_state(1, state=STOPPED, failed_rows=107),
        worker_state(2, state=DRAINING, held_rows=4, failed_rows=1),
    ]
    assert undelivered_rows(before, after) == [UndeliveredRows("meter_usage", 4, 8)]


def test_stream_that_delivered_everything_is_left_out() -> None:
    before = [
        worker_state(1, held_rows=9),
        worker_state(2, held_rows=4, stream="generation_output"),
    ]
    after = [
        worker_state(1, state=STOPPED),
        worker_state(2, held_rows=3, stream="generation_output"),
    ]
    assert undelivered_rows(before, after) == [UndeliveredRows("generation_output", 3, 0)]


def test_rows_of_a_worker_that_died_before_the_stop_are_not_told_again() -> None:
    assert (
        undelivered_rows([worker_state(1)], [worker_state(1), worker_state(2, held_rows=50)]) == []
    )


def test_worker_that_ends_without_having_stopped_is_reported_once() -> None:
    deaths = WorkerDeaths()
    assert deaths.find([], [worker_state(1), worker_state(2)]) == []
    last = [worker_state(1, held_rows=7), worker_state(2)]
    assert deaths.find([worker_state(1)], last) == [last[0]]
    assert deaths.find([worker_state(1)], last) == []


def test_worker_that_said_at_last_that_it_stopped_is_no_news() -> None:
    deaths = WorkerDeaths()
    assert deaths.find([worker_state(1, state=DRAINING)], [worker_state(1, state=STOPPED)]) == []
    assert deaths.find([worker_state(1, state=STOPPED)], [worker_state(1, state=STOPPED)]) == []


def test_worker_that_got_the_process_id_of_a_dead_one_is_reported_too() -> None:
    deaths = WorkerDeaths()
    assert deaths.find([worker_state(1)], [worker_state(1)]) == [worker_state(1)]
    assert deaths.find([], [worker_state(1)]) == []
    assert deaths.find([worker_state(1)], [worker_state(1)]) == [worker_state(1)]
