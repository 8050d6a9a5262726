"""What a worker published is read by others, also after its death; notes reach the supervisor."""

import os
from pathlib import Path

from utility_ts_analytics.service.shared_worker_state import (
    SERVING,
    WorkerStateFile,
    note_start,
    note_stuck,
    read_workers,
    started_s,
    take_stuck,
)
from utility_ts_analytics.telemetry import registry
from utility_ts_analytics.telemetry.layout import WORDS, file_bytes, offset_of


def test_the_last_state_is_read_back(tmp_path: Path) -> None:
    state_file = WorkerStateFile(tmp_path, "meter_usage")
    state_file.measures.held = lambda: (7, 70)
    state_file.measures.rows_spooled(4)
    state_file.measures.rows_failed(2, "draining")
    state_file.publish(SERVING, 1.5, [(registry.WORKER_MEMORY, 99)])
    (worker,) = read_workers(tmp_path)
    assert (worker.stream, worker.state, worker.beat_s) == ("meter_usage", SERVING, 1.5)
    assert worker.identity == (worker.server_pid, worker.pid) == (os.getsid(0), os.getpid())
    assert (worker.held_rows, worker.failed_rows) == (7, 2)
    assert worker.words[offset_of(registry.ROWS_IN_FLIGHT)] == 7 + 4
    assert worker.words[offset_of(registry.WORKER_MEMORY)] == 99
    assert worker.alive


def test_there_is_no_file_before_it_can_be_read(tmp_path: Path) -> None:
    WorkerStateFile(tmp_path, "meter_usage")
    assert len(list(read_workers(tmp_path))) == len(list(tmp_path.iterdir())) == 1


def test_second_worker_with_the_process_id_of_a_dead_one_spoils_nothing(tmp_path: Path) -> None:
    WorkerStateFile(tmp_path, "meter_usage").measures.rows_taken(3)
    WorkerStateFile(tmp_path, "meter_usage").measures.rows_taken(4)
    received = offset_of(registry.ROWS_RECEIVED)
    assert sorted(worker.words[received] for worker in read_workers(tmp_path)) == [3, 4]


def test_what_is_counted_by_token_is_read_with_the_names(tmp_path: Path) -> None:
    for names in ((), ("head-end",), ("a" * 64, "token-1", "x.y_z")):
        state_file = WorkerStateFile(tmp_path, "meter_usage", names)
        for name in names:
            state_file.measures.tokens.add(name, 5)
        state_file.measures.publish()
    found = {worker.token_names: list(worker.words[WORDS:]) for worker in read_workers(tmp_path)}
    assert found == {
        (): [],
        ("head-end",): [1, 5],
        ("a" * 64, "token-1", "x.y_z"): [1, 5] * 3,
    }


def test_files_cut_short_and_empty_ones_are_skipped(tmp_path: Path) -> None:
    (tmp_path / "meter_usage.1.2.ab.worker").write_bytes(b"short")
    (tmp_path / "meter_usage.1.3.ab.worker").write_bytes(b"\n" + bytes(file_bytes()))
    (tmp_path / "meter_usage.1.4.ab.worker").write_bytes(b"a name\n" + bytes(file_bytes(1)))
    assert list(read_workers(tmp_path)) == []


def test_a_stranger_with_the_process_id_of_a_dead_worker_does_not_make_it_alive(
    tmp_path: Path,
) -> None:
    WorkerStateFile(tmp_path, "meter_usage")
    [path] = tmp_path.iterdir()
    pid = os.getpid()
    path.rename(tmp_path / f"meter_usage.{os.getsid(0) + 1}.{pid}.ab.worker")
    [worker] = read_workers(tmp_path)
    assert worker.pid == pid
    assert not worker.alive


def test_start_of_the_service_is_noted_for_all_its_parts(tmp_path: Path) -> None:
    assert started_s(tmp_path) is None
    note_start(tmp_path, 12.25)
    assert started_s(tmp_path) == 12.25


def test_notes_are_taken_once(tmp_path: Path) -> None:
    assert take_stuck(tmp_path) == {}
    note_stuck(tmp_path, (10, 11), "it does not listen")
    note_stuck(tmp_path, (10, 12), "first")
    note_stuck(tmp_path, (10, 12), "again")
    assert take_stuck(tmp_path) == {(10, 11): "it does not listen", (10, 12): "again"}
    assert take_stuck(tmp_path) == {}


def test_note_that_is_being_written_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "10.11.new").write_text("it do")
    assert take_stuck(tmp_path) == {}
