"""Folders of services that ended go with the next start; those in use and those of others stay."""

import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from utility_ts_analytics.owned_folder import make_owned_folder, owned_folder

KIND = "ingestion-service-"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def in_child() -> Iterator[Callable[[Callable[[], None]], int]]:
    """Fork a child that does some work, says so, and lives until it is killed."""
    children: list[int] = []

    def forked(work: Callable[[], None]) -> int:
        read_end, write_end = os.pipe()
        pid = os.fork()
        if not pid:
            work()
            os.write(write_end, b".")
            signal.pause()
        children.append(pid)
        assert os.read(read_end, 1) == b"."
        for end in (read_end, write_end):
            os.close(end)
        return pid

    yield forked
    for pid in children:
        kill(pid)


def kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    except (ProcessLookupError, ChildProcessError):
        return


def folders(place: Path) -> set[str]:
    return {path.name for path in place.iterdir()}


def test_folder_is_for_its_owner_only_and_is_where_temporary_files_are(place: Path) -> None:
    folder = make_owned_folder(KIND)
    assert folder.parent == place
    assert folder.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in folder.iterdir()] == ["owner"]


def test_folder_of_a_killed_owner_goes_with_the_next_start(
    place: Path, in_child: Callable[[Callable[[], None]], int]
) -> None:
    def own() -> None:
        folder = make_owned_folder(KIND)
        (folder / "a.worker").write_text("")
        (folder / "to-elsewhere").symlink_to(kept)

    kept = place / "kept"
    kept.mkdir()
    (kept / "file").write_text("")
    owner = in_child(own)
    [abandoned] = folders(place) - {"kept"}
    second = make_owned_folder(KIND)
    assert folders(place) == {"kept", abandoned, second.name}, "its owner lives"
    kill(owner)
    third = make_owned_folder(KIND)
    assert folders(place) == {"kept", second.name, third.name}
    assert (kept / "file").exists()


def test_folder_stays_as_long_as_any_process_of_the_service_lives(
    place: Path, in_child: Callable[[Callable[[], None]], int]
) -> None:
    workers: list[int] = []
    read_end, write_end = os.pipe()

    def own() -> None:
        make_owned_folder(KIND)
        worker = os.fork()
        if not worker:
            signal.pause()
        os.write(write_end, worker.to_bytes(4))

    owner = in_child(own)
    workers.append(int.from_bytes(os.read(read_end, 4)))
    [first] = folders(place)
    kill(owner)
    make_owned_folder(KIND)
    assert first in folders(place)
    os.kill(workers[0], signal.SIGKILL)
    while Path(f"/proc/{workers[0]}/fd").exists() and os.listdir(f"/proc/{workers[0]}/fd"):  # noqa: PTH208
        os.sched_yield()
    give_up_at_s = time.monotonic() + 5
    while first in folders(place):  # the kernel lets go of the lock a moment after the files
        assert time.monotonic() < give_up_at_s
        make_owned_folder(KIND)
    for end in (read_end, write_end):
        os.close(end)


def test_what_is_not_surely_a_folder_of_ours_without_owner_stays(
    place: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "owner").write_text("")
    (place / "ingestion-service-link").symlink_to(elsewhere)
    (place / "ingestion-service-file").write_text("")
    (place / "ingestion-service-starting").mkdir()  # or of a version that did not lock
    (place / "another-folder").mkdir()
    (place / "another-folder" / "owner").write_text("")
    before = folders(place)
    own = make_owned_folder(KIND)
    assert folders(place) == before | {own.name}
    assert (elsewhere / "owner").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make folders of others")
def test_folder_of_another_user_stays(place: Path) -> None:
    theirs = place / "ingestion-service-theirs"
    theirs.mkdir()
    (theirs / "owner").write_text("")
    os.chown(theirs, 65_534, 65_534)
    make_owned_folder(KIND)
    assert theirs.exists()


def test_folder_of_a_block_goes_with_it_and_those_of_other_kinds_stay(place: Path) -> None:
    other = make_owned_folder(KIND)
    with owned_folder("download-", place) as folder:
        (folder / "file").write_text("")
        assert folders(place) == {folder.name, other.name}
    assert folders(place) == {other.name}
