"""The journal: what it gives back, what makes it useless, and what it survives."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.small_disk import mounted

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.books.journal import FileIdentity, FileRecord, Journal, identify
from utility_ts_analytics.files.pieces import Place

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
        assert journal.find(record.identity) == (None, None)
        journal.write(record)
    with opened(folder) as journal:
        assert journal.notice is None
        assert journal.find(record.identity) == (record, None)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in folder.iterdir())


def test_other_command_gets_nothing(folder: Path, record: FileRecord) -> None:
    with opened(folder) as journal:
        journal.write(record)
    with opened(folder, command=("generation_output", "a.csv")) as other:
        assert other.find(record.identity) == (None, None)


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
        assert journal.find(record.identity) == (None, None)
        assert journal.notice == f"not the same as in the interrupted run: {names}"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b'{"version":99,"target":{}}\n',
        b'{"version":2,"target":{}}\n{"other":' + b"[" * 100_000 + b"\n",
        b'{"version":2,"target":{}}\n{"\xff":1}\n',
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
        assert journal.find(record.identity) == (None, None)
        assert "damaged" in (journal.notice or "")
        journal.write(record)
    with opened(folder) as journal:
        assert journal.find(record.identity) == (record, None)


def line_count(journal: Journal) -> int:
    return len(journal.path.read_bytes().splitlines())


def test_what_is_written_grows_with_the_files_and_not_with_their_square(
    folder: Path, record: FileRecord
) -> None:
    records = [
        replace(record, identity=replace(record.identity, path=f"/{number}"), done=True)
        for number in range(300)
    ]
    written = 0
    with opened(folder) as journal:
        size = 0
        for one in records:
            journal.write(one)
            now = journal.path.stat().st_size
            written += now if now < size else now - size
            size = now
        assert written < 3 * size
    with opened(folder) as journal:
        assert [journal.find(one.identity)[0] for one in records] == records


def test_places_out_of_date_do_not_pile_up(folder: Path, record: FileRecord) -> None:
    with opened(folder) as journal:
        for lines in range(1_000):
            journal.write(replace(record, place=Place(lines, lines + 1)))
        assert line_count(journal) < 150
    with opened(folder) as journal:
        found, _ = journal.find(record.identity)
        assert found is not None
        assert found.place.lines == 999


@pytest.mark.parametrize("cut_bytes", [1, 20, 200])
def test_line_that_was_being_written_does_not_count(
    folder: Path, record: FileRecord, cut_bytes: int
) -> None:
    with opened(folder) as journal:
        journal.write(record)
        journal.write(replace(record, done=True))
        path = journal.path
    path.write_bytes(path.read_bytes()[:-cut_bytes])
    with opened(folder) as journal:
        assert journal.find(record.identity) == (record, None)
        journal.write(replace(record, stored_rows=99))
    with opened(folder) as journal:
        assert journal.find(record.identity) == (replace(record, stored_rows=99), None)


def test_restart_forgets(folder: Path, record: FileRecord) -> None:
    with opened(folder) as journal:
        journal.write(record)
    with opened(folder, restart=True) as journal:
        assert journal.find(record.identity) == (None, None)
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
