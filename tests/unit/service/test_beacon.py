"""What a worker said last can be read by others, also after it died."""

import os
from pathlib import Path

from utility_ts_analytics.service.beacon import SERVING, Beacon, note_start, read_signs, started_s
from utility_ts_analytics.telemetry import registry
from utility_ts_analytics.telemetry.layout import WORDS, offset_of
from utility_ts_analytics.telemetry.snapshot import file_bytes


def test_the_last_word_is_read_back(tmp_path: Path) -> None:
    beacon = Beacon(tmp_path, "meter_usage")
    beacon.measures.held = lambda: (7, 70)
    beacon.measures.rows_spooled(4)
    beacon.measures.rows_failed(2, "draining")
    beacon.say(SERVING, 1.5, [(registry.WORKER_MEMORY, 99)])
    (sign,) = read_signs(tmp_path)
    assert (sign.stream, sign.state, sign.beat_s) == ("meter_usage", SERVING, 1.5)
    assert sign.identity == (sign.server_pid, sign.pid) == (os.getsid(0), os.getpid())
    assert (sign.held_rows, sign.failed_rows) == (7, 2)
    assert sign.words[offset_of(registry.ROWS_IN_FLIGHT)] == 7 + 4
    assert sign.words[offset_of(registry.WORKER_MEMORY)] == 99
    assert sign.alive


def test_there_is_no_file_before_it_can_be_read(tmp_path: Path) -> None:
    Beacon(tmp_path, "meter_usage")
    assert len(list(read_signs(tmp_path))) == len(list(tmp_path.iterdir())) == 1


def test_second_worker_with_the_process_id_of_a_dead_one_spoils_nothing(tmp_path: Path) -> None:
    Beacon(tmp_path, "meter_usage").measures.rows_taken(3)
    Beacon(tmp_path, "meter_usage").measures.rows_taken(4)
    received = offset_of(registry.ROWS_RECEIVED)
    assert sorted(sign.words[received] for sign in read_signs(tmp_path)) == [3, 4]


def test_what_is_counted_by_token_is_read_with_the_names(tmp_path: Path) -> None:
    for names in ((), ("head-end",), ("a" * 64, "token-1", "x.y_z")):
        beacon = Beacon(tmp_path, "meter_usage", names)
        for name in names:
            beacon.measures.tokens.add(name, 5)
        beacon.measures.publish()
    found = {sign.token_names: list(sign.words[WORDS:]) for sign in read_signs(tmp_path)}
    assert found == {
        (): [],
        ("head-end",): [1, 5],
        ("a" * 64, "token-1", "x.y_z"): [1, 5] * 3,
    }


def test_files_cut_short_and_empty_ones_are_skipped(tmp_path: Path) -> None:
    (tmp_path / "meter_usage.1.2.ab.beacon").write_bytes(b"short")
    (tmp_path / "meter_usage.1.3.ab.beacon").write_bytes(b"\n" + bytes(file_bytes()))
    (tmp_path / "meter_usage.1.4.ab.beacon").write_bytes(b"a name\n" + bytes(file_bytes(1)))
    assert list(read_signs(tmp_path)) == []


def test_a_stranger_with_the_process_id_of_a_dead_worker_does_not_make_it_alive(
    tmp_path: Path,
) -> None:
    Beacon(tmp_path, "meter_usage")
    [path] = tmp_path.iterdir()
    pid = os.getpid()
    path.rename(tmp_path / f"meter_usage.{os.getsid(0) + 1}.{pid}.ab.beacon")
    [sign] = read_signs(tmp_path)
    assert sign.pid == pid
    assert not sign.alive


def test_start_of_the_service_is_noted_for_all_its_parts(tmp_path: Path) -> None:
    assert started_s(tmp_path) is None
    note_start(tmp_path, 12.25)
    assert started_s(tmp_path) == 12.25
