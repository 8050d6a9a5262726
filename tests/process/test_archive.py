"""`ingestion-service archive` as a process: killed, refused, out of room, without QuestDB."""

import json
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from tests.conftest import TestQuestDB
from tests.process.running_service import (
    QuestDBPorts,
    ServicePorts,
    command,
    command_environment,
    run_command,
    write_config,
)
from tests.small_disk import mounted

pytestmark = pytest.mark.process

DAY_S = 1_709_251_200
"""2024-03-01, UTC."""

DAYS = 12
METERS = 1500


@pytest.fixture
def config(questdb: TestQuestDB, tmp_path: Path) -> Path:
    return config_for(questdb, tmp_path)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    folder = tmp_path / "archive"
    folder.mkdir()
    return folder


@pytest.fixture
def filled(questdb: TestQuestDB) -> Iterator[TestQuestDB]:
    """Twelve days of readings."""
    questdb.truncate("meter_usage")
    for day in range(DAYS):
        ts = (DAY_S + day * 86400) * 10**9
        questdb.write(
            "".join(
                f"meter_usage,meter_id=m-{meter} kwh={meter}.5 {ts + minute * 60 * 10**9}\n"
                for minute in range(0, 60, 15)
                for meter in range(METERS)
            ).encode()
        )
    questdb.wait_applied("meter_usage")
    yield questdb
    questdb.truncate("meter_usage")


def config_for(questdb: QuestDBPorts, place: Path) -> Path:
    return write_config(place / "config.toml", questdb, ServicePorts(1, 2, 3), {})


def arguments(config: Path, archive: Path, *more: str) -> list[str]:
    place = ["--config", str(config), "--dir", str(archive)]
    return ["archive", *place, "--table", "meter_usage", *more]


def run(config: Path, archive: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return run_command(*arguments(config, archive, *more), cwd=config.parent)


def start(config: Path, archive: Path, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(*arguments(config, archive, *more)),
        cwd=config.parent,
        env=command_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def files(archive: Path) -> list[Path]:
    return sorted(archive.glob("meter_usage/day=*/*.parquet"))


def wait_for_files(archive: Path, count: int, process: subprocess.Popen[str]) -> None:
    give_up_s = time.monotonic() + 20
    while len(files(archive)) < count:
        assert process.poll() is None, "it ended before it could be disturbed"
        assert time.monotonic() < give_up_s
        threading.Event().wait(0.002)


def whole(archive: Path) -> int:
    """Read every file of the archive to its end; return its rows."""
    ((rows, _),) = duckdb.execute(
        f"SELECT count(*), sum(kwh) FROM '{archive}/meter_usage/*/*.parquet'"
    ).fetchall()
    return int(rows)


def test_killed_in_the_middle_nothing_is_half_and_the_next_run_goes_on(
    filled: TestQuestDB, config: Path, archive: Path
) -> None:
    process = start(config, archive)
    wait_for_files(archive, 3, process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    done = len(files(archive))
    assert 3 <= done < DAYS
    assert whole(archive) == done * METERS * 4
    second = run(config, archive, "--json")
    assert second.returncode == 0, second.stderr
    (facts,) = json.loads(second.stdout)["tables"]
    # What the first run had done is not even read again.
    assert (facts["written"], facts["known"]) == (DAYS - done, done)
    assert whole(archive) == DAYS * METERS * 4
    leftovers = [
        path for path in archive.rglob(".*") if ".new" in path.name or "export" in path.name
    ]
    assert leftovers == []
    verified = run(config, archive, "--verify")
    assert verified.returncode == 0, verified.stderr
    assert f"{DAYS} files with {DAYS * METERS * 4:,} rows read" in verified.stdout


def test_second_run_at_once_is_refused(filled: TestQuestDB, config: Path, archive: Path) -> None:
    first = start(config, archive)
    wait_for_files(archive, 1, first)
    os.kill(first.pid, signal.SIGSTOP)
    try:
        second = run(config, archive)
    finally:
        os.kill(first.pid, signal.SIGCONT)
    assert second.returncode == 1
    assert "another run holds the shard main" in second.stderr
    assert first.communicate(timeout=30)[1] == ""
    assert first.returncode == 0
    assert len(files(archive)) == DAYS


def test_full_disk_leaves_whole_files_and_room_lets_it_go_on(
    filled: TestQuestDB, config: Path, tmp_path: Path
) -> None:
    with mounted(tmp_path / "small", "72k") as small:
        full = run(config, small)
        assert full.returncode == 1
        assert "make room and run it again" in full.stderr
        done = len(files(small))
        assert 0 < done < DAYS
        assert whole(small) == done * METERS * 4
        subprocess.run(["mount", "-o", "remount,size=64m", str(small)], check=True)
        again = run(config, small)
        assert again.returncode == 0, again.stderr
        assert whole(small) == DAYS * METERS * 4


def test_wrong_folders_say_what_to_do(config: Path, tmp_path: Path) -> None:
    absent = run(config, tmp_path / "none")
    assert (absent.returncode, "make it (mkdir), or mount its disk" in absent.stderr) == (1, True)
    unset = run_command("archive", "--config", str(config), cwd=tmp_path)
    assert unset.returncode == 2
    assert "archive.dir: is not set" in unset.stderr
    wrong = run(config, tmp_path, "--table", "nothing", "--drop-before", "soon")
    assert wrong.returncode == 2
    assert "--drop-before: must be YYYY-MM-DD" in wrong.stderr


def test_read_only_folder_says_what_to_do(
    filled: TestQuestDB, config: Path, tmp_path: Path
) -> None:
    with mounted(tmp_path / "sealed", "1m") as sealed:
        subprocess.run(["mount", "-o", "remount,ro", str(sealed)], check=True)
        done = run(config, sealed)
    assert done.returncode == 1
    assert "Read-only file system; give the user of this command the right" in done.stderr


def test_questdb_that_leaves_in_the_middle_is_told_and_its_return_resumed(
    own_questdb: TestQuestDB, tmp_path: Path, archive: Path
) -> None:
    config = config_for(own_questdb, tmp_path)
    for day in range(DAYS):
        ts = (DAY_S + day * 86400) * 10**9
        lines = (f"meter_usage,meter_id=m-{meter} kwh=1 {ts}\n" for meter in range(METERS * 4))
        own_questdb.write("".join(lines).encode())
    own_questdb.wait_applied("meter_usage")
    process = start(config, archive)
    wait_for_files(archive, 2, process)
    os.kill(own_questdb.pid, signal.SIGKILL)
    _, told = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "QuestDB" in told
    assert "Traceback" not in told
    done = len(files(archive))
    assert whole(archive) == done * METERS * 4
    own_questdb.stop()
    own_questdb.start()
    again = run(config, archive)
    assert again.returncode == 0, again.stderr
    assert whole(archive) == DAYS * METERS * 4


def test_watch_archives_again_and_ends_with_the_signal(
    filled: TestQuestDB, config: Path, archive: Path
) -> None:
    process = start(config, archive, "--watch", "1m")
    wait_for_files(archive, DAYS, process)
    assert process.stdout is not None
    assert "12 files, 12 written" in process.stdout.readline()
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=10)
    assert process.returncode == 1
    assert told.endswith("ingestion-service: interrupted\n")


def test_watch_survives_a_pass_that_fails(filled: TestQuestDB, config: Path, archive: Path) -> None:
    process = start(config, archive / "not there yet", "--watch", "1m")
    assert process.stderr is not None
    with select.epoll() as readable:  # a pass that says nothing must not hold the suite
        readable.register(process.stderr)
        assert readable.poll(20.0)
    assert "archive pass failed" in process.stderr.readline()
    assert process.poll() is None
    process.kill()
    process.communicate()
