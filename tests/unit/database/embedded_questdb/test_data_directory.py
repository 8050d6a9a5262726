import os
from pathlib import Path

import pytest

from utility_ts_analytics.clock import SystemClock
from utility_ts_analytics.database.embedded_questdb import data_directory
from utility_ts_analytics.database.embedded_questdb.data_directory import DataDirectory
from utility_ts_analytics.database.embedded_questdb.server_settings import LOG_CONF
from utility_ts_analytics.errors import OperatorError


def lock(directory: DataDirectory, wait_s: float = 0.0) -> int:
    return directory.lock(SystemClock(), wait_s=wait_s)


def test_lock_makes_the_directory_and_what_questdb_needs(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path / "a" / "b", "QuestDB")
    os.close(lock(directory))
    assert (tmp_path / "a" / "b" / "conf").is_dir()
    assert directory.log_path.parent.is_dir()


@pytest.mark.parametrize("made_before", [False, True])
def test_directory_is_for_its_user_only(tmp_path: Path, made_before: bool) -> None:
    """Also one that an earlier version made for everyone."""
    path = tmp_path / "data"
    if made_before:
        path.mkdir(mode=0o755)
        (path / "conf").mkdir(mode=0o755)
    os.close(lock(DataDirectory(path, "QuestDB")))
    assert path.stat().st_mode & 0o777 == 0o700


def test_second_instance_is_refused_until_the_first_lets_go(tmp_path: Path) -> None:
    first = lock(DataDirectory(tmp_path, "QuestDB"))
    with pytest.raises(OperatorError, match="another instance uses this directory; stop it"):
        lock(DataDirectory(tmp_path, "QuestDB"), wait_s=0.1)
    os.close(first)
    os.close(lock(DataDirectory(tmp_path, "QuestDB")))


def test_lock_lasts_until_the_last_holder_has_closed_it(tmp_path: Path) -> None:
    first = lock(DataDirectory(tmp_path, "QuestDB"))
    inherited = os.dup(first)
    os.close(first)
    with pytest.raises(OperatorError):
        lock(DataDirectory(tmp_path, "QuestDB"))
    os.close(inherited)
    os.close(lock(DataDirectory(tmp_path, "QuestDB")))


def test_directory_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OperatorError, match=r"cannot write to .*/file/data: Not a directory; ch"):
        lock(DataDirectory(tmp_path / "file" / "data", "QuestDB"))


def test_prepare_clears_what_a_killed_jvm_left(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path, "QuestDB")
    os.close(lock(directory))
    directory.prepare({"log.conf": LOG_CONF})
    (tmp_path / "tmp" / "libquestdb.so").write_bytes(b"left")
    (tmp_path / "conf" / "log.conf").write_text("other")
    directory.prepare({"log.conf": LOG_CONF})
    assert list((tmp_path / "tmp").iterdir()) == []
    assert "writers=stdout,file" in (tmp_path / "conf" / "log.conf").read_text()


def test_log_is_appended_to_until_it_is_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_directory, "LOG_BYTES_MAX", 10)
    directory = DataDirectory(tmp_path, "QuestDB")
    os.close(lock(directory))
    before = directory.log_path.with_name("questdb.log.1")
    for text, log, old in [
        (b"12345", b"12345", None),
        (b"67890", b"1234567890", None),
        (b"+", b"1234567890+", None),
        (b"new", b"new", b"1234567890+"),
    ]:
        with directory.open_log() as file:
            file.write(text)
        assert directory.log_path.read_bytes() == log
        assert (before.read_bytes() if before.exists() else None) == old


@pytest.mark.parametrize(
    ("log", "line"),
    [
        (b"", "the log is empty"),
        (b"\n \n", "the log is empty"),
        (b"one\ntwo\n", "two"),
        (b"one\nError: it broke\n\tat a.B\n  at c.D\n\n", "Error: it broke"),
        (b"x" * 9000 + b"\nlast", "last"),
        (b"one\n\xff", "\ufffd"),
    ],
)
def test_last_log_line_is_the_last_that_says_what_happened(
    tmp_path: Path, log: bytes, line: str
) -> None:
    directory = DataDirectory(tmp_path, "QuestDB")
    os.close(lock(directory))
    directory.log_path.write_bytes(log)
    assert directory.last_log_line() == line
