"""The journal: what it gives back, what makes it useless, and what it survives."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from tests.small_disk import mounted

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.ingest.identity import FileIdentity, identify
from utility_ts_analytics.ingest.journal import FileRecord, Journal
from utility_ts_analytics.ingest.pieces import Place

COMMAND = ("meter_usage", "a.csv")
TARGET = {"table": "meter_usage", "mapping": "x"}


def opened(
    folder: Path,
    *,
    command: tuple[str, ...] = COMMAND,
    target: Mapping[str, str] = TARGET,
    restart: bool = False,
) -> Journal:
    return Journal(folder, command, target, restart=restart)


@pytest.fixture
def identity(tmp_path: Path) -> FileIdentity:
    path = tmp_path / "a.csv"
    path.write_text("ts\n")
    return identify(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state" / "loads"


@pytest.fixture
def record(identity: FileIdentity) -> FileRecord:
    return FileRecord(
        identity=identity,
        place=Place(100, 103, 9_000),
        stored_rows=98,
        refused={"negative-value kwh": 2},
        refused_bytes=120,
        reasons_bytes=140,
        notes={"repeated-hour-first": 4},
    )


def test_same_command_gets_back_what_was_written(folder: Path, record: FileRecord) -> None:
    with opened(folder) as journal:
        assert not journal.resumes
        assert journal.find(record.identity) == (None, None)
        journal.write(record)
    with opened(folder) as journal:
        assert journal.resumes
        assert journal.notice is None
        assert journal.find(record.identity) == (record, None)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in folder.iterdir())


def test_other_command_gets_nothing(folder: Path, record: FileRecord) -> None:
    with opened(folder) as journal:
        journal.write(record)
    with opened(folder, command=("generation_output", "a.csv")) as other:
        assert not other.resumes


def test_changed_file_is_unknown_and_the_reason_told(
    folder: Path, record: FileRecord, tmp_path: Path
) -> None:
    with opened(folder) as journal:
        journal.write(record)
    (tmp_path / "a.csv").write_text("ts,kwh\n")
    with opened(folder) as journal:
        found, reason = journal.find(identify(tmp_path / "a.csv"))
    assert (found, reason) == (None, "its size was 3 bytes and is 7")


@pytest.mark.parametrize(
    ("target", "names"),
    [({"table": "other", "mapping": "x"}, "table"), ({"mapping": "y"}, "mapping, table")],
)
def test_other_target_makes_it_useless_and_says_why(
    folder: Path, record: FileRecord, target: dict[str, str], names: str
) -> None:
    with opened(folder) as journal:
        journal.write(record)
    with opened(folder, target=target) as journal:
        assert not journal.resumes
        assert journal.notice == f"not the same as in the interrupted run: {names}"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b'{"version":99,"target":{},"files":{}}',
        b'{"other":' + b"[" * 100_000,
        b'{"\xff":1}',
    ],
    ids=["empty", "cut", "version", "deep", "not UTF-8"],
)
def test_damaged_journal_is_none_and_is_replaced(
    folder: Path, record: FileRecord, content: bytes
) -> None:
    with opened(folder) as journal:
        journal.write(record)
        path = journal.path
    path.write_bytes(content)
    with opened(folder) as journal:
        assert not journal.resumes
        assert "damaged" in (journal.notice or "")
        journal.write(record)
    with opened(folder) as journal:
        assert journal.resumes


def test_restart_forgets(folder: Path, record: FileRecord) -> None:
    with opened(folder) as journal:
        journal.write(record)
    with opened(folder, restart=True) as journal:
        assert not journal.resumes
        assert not journal.path.exists()


def test_removed_journal_leaves_nothing(folder: Path, record: FileRecord) -> None:
    with opened(folder) as journal:
        journal.write(record)
        journal.remove()
    assert list(folder.iterdir()) == []


def test_same_command_twice_at_a_time_is_refused(folder: Path) -> None:
    with opened(folder), pytest.raises(OperatorError, match="is running already"):
        opened(folder)
    with opened(folder):
        pass


def test_folder_that_cannot_be_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OperatorError, match=r"cannot keep a journal in .*: Not a directory"):
        opened(tmp_path / "file" / "journal")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "disk", "1m") as disk:
        yield disk


def test_full_disk_leaves_what_was_there(disk: Path, record: FileRecord) -> None:
    with opened(disk) as journal:
        journal.write(record)
        with pytest.raises(OSError, match="No space left"):
            (disk / "ballast").write_bytes(bytes(2_000_000))
        big = FileRecord(identity=record.identity, notes={"x" * 100_000: 1})
        with pytest.raises(OSError, match="No space left"):
            journal.write(big)
    with opened(disk) as journal:
        assert journal.find(record.identity) == (record, None)
    (disk / "ballast").unlink()
    assert {path.suffix for path in disk.iterdir()} == {".json", ".lock"}
