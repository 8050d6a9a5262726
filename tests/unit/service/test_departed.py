"""Each worker is counted once, at every moment of the fold, and whenever the supervisor dies."""

from collections.abc import Callable
from pathlib import Path

import pytest

from utility_ts_analytics.service import departed
from utility_ts_analytics.service.beacon import SERVING, STOPPED, Beacon, Sign, read_signs
from utility_ts_analytics.service.departed import fold, read_books
from utility_ts_analytics.telemetry import registry
from utility_ts_analytics.telemetry.layout import offset_of
from utility_ts_analytics.telemetry.token_counts import NAMES_MAX, OTHER

STREAM = "meter_usage"


def worker(folder: Path, rows: int, *, held: int = 0, state: int = SERVING) -> Sign:
    """Leave the file of a worker that took `rows`, stored some and still held others."""
    before = {sign.file for sign in read_signs(folder)}
    beacon = Beacon(folder, STREAM)
    beacon.measures.held = lambda: (held, 0)
    beacon.measures.rows_taken(rows)
    beacon.measures.rows_stored(rows - held, 0.1, sink="ilp", wall_ns=1)
    beacon.say(state, 1.0)
    [sign] = [sign for sign in read_signs(folder) if sign.file not in before]
    return sign


def numbers(folder: Path) -> tuple[int, int, int, int]:
    """Return what all workers received and stored, lost by dying, and still hold."""
    words = read_books(folder).of(STREAM)
    return (
        words[offset_of(registry.ROWS_RECEIVED)],
        words[offset_of(registry.ROWS_STORED, "ilp")],
        words[offset_of(registry.ROWS_FAILED, "worker-died")],
        words[offset_of(registry.ROWS_IN_FLIGHT)],
    )


def test_rows_of_the_dead_are_failed_once_and_their_files_are_gone(tmp_path: Path) -> None:
    dead = [worker(tmp_path, 10, held=3), worker(tmp_path, 20, held=4)]
    worker(tmp_path, 5, held=1)
    assert numbers(tmp_path) == (35, 27, 0, 8)
    fold(tmp_path, dead)
    assert numbers(tmp_path) == (35, 27, 7, 1)
    assert len(list(tmp_path.glob("*.beacon"))) == 1
    for _ in range(20):
        fold(tmp_path, [worker(tmp_path, 1)])
    assert numbers(tmp_path) == (55, 47, 7, 1)
    assert len(list(tmp_path.iterdir())) == 2


def counting(folder: Path, rows: int, *names: str) -> None:
    """Leave the file of a worker that answered one request of each token."""
    beacon = Beacon(folder, STREAM, names)
    for name in names:
        beacon.measures.tokens.add(name, rows)
    beacon.measures.publish()


def test_counts_by_token_keep_their_names_though_a_reload_puts_others_there(tmp_path: Path) -> None:
    for rows in (1, 2):
        counting(tmp_path, rows, "old", "both")
    dead = list(read_signs(tmp_path))
    counting(tmp_path, 40, "both", "new")
    by_token = {"old": (2, 3), "both": (3, 43), "new": (1, 40)}
    assert read_books(tmp_path).by_token(STREAM) == by_token
    for _ in range(2):
        fold(tmp_path, dead)
        assert read_books(tmp_path).by_token(STREAM) == by_token
    fold(tmp_path, read_signs(tmp_path))
    assert read_books(tmp_path).by_token(STREAM) == by_token
    assert read_books(tmp_path).by_token("generation_output") == {}


def test_names_of_many_reloads_are_bounded_and_those_in_use_are_kept(tmp_path: Path) -> None:
    counting(tmp_path, 1, "kept", "gone")
    fold(tmp_path, read_signs(tmp_path))
    counting(tmp_path, 1, "kept")
    living = {sign.file for sign in read_signs(tmp_path)}
    for start in range(0, NAMES_MAX + 10, 64):
        counting(tmp_path, 1, *(f"n{index}" for index in range(start, start + 64)))
        fold(tmp_path, [sign for sign in read_signs(tmp_path) if sign.file not in living])
    by_token = read_books(tmp_path).by_token(STREAM)
    assert by_token["kept"] == (2, 2)
    assert "gone" not in by_token
    assert len(by_token) == NAMES_MAX + len({"kept", OTHER})
    assert sum(numbers.requests for numbers in by_token.values()) == 3 + NAMES_MAX + 64


def test_only_those_that_did_not_stop_in_order_are_restarts(tmp_path: Path) -> None:
    fold(tmp_path, [worker(tmp_path, 1), worker(tmp_path, 1, state=STOPPED)])
    assert read_books(tmp_path).of(STREAM)[offset_of(registry.WORKER_RESTARTS)] == 1


def test_what_a_worker_counted_up_to_its_end_is_read_again(tmp_path: Path) -> None:
    sign = worker(tmp_path, 10)
    worker_file = tmp_path / sign.file
    later = worker(tmp_path, 11)
    (tmp_path / later.file).rename(worker_file)
    fold(tmp_path, [sign])
    assert numbers(tmp_path) == (11, 11, 0, 0)


@pytest.mark.parametrize("step", ["write_bytes", "rename", "unlink"])
def test_supervisor_that_dies_within_a_fold_counts_nobody_twice_or_never(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """`unlink` fails for the second file: the record is written, one file gone, one still there."""
    fold(tmp_path, [worker(tmp_path, 100)])
    dead = [worker(tmp_path, 10, held=3), worker(tmp_path, 20, held=4)]
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
            fold(tmp_path, dead)
    assert numbers(tmp_path)[:2] == received
    fold(tmp_path, [sign for sign in read_signs(tmp_path) if sign.file in {s.file for s in dead}])
    assert numbers(tmp_path) == (*received, 7, 0)
    assert list(tmp_path.glob("*.beacon")) == []


def test_reader_that_is_overtaken_by_a_fold_looks_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record is read, then everything is folded before the files are read."""
    dead = [worker(tmp_path, 10), worker(tmp_path, 20)]
    real = read_signs
    looks = []

    def overtaken(folder: Path) -> list[Sign]:
        looks.append(folder)
        if len(looks) == 1:
            with monkeypatch.context() as patch:
                patch.setattr(departed, "read_signs", real)
                fold(tmp_path, dead)
        return list(real(folder))

    monkeypatch.setattr(departed, "read_signs", overtaken)
    assert numbers(tmp_path)[:2] == (30, 30)
    assert len(looks) == 2


def test_folder_that_is_gone_is_an_error_that_the_supervisor_can_catch(tmp_path: Path) -> None:
    sign = worker(tmp_path, 1)
    tmp_path.rename(f"{tmp_path}.gone")
    with pytest.raises(OSError, match="No such file"):
        fold(tmp_path, [sign])
