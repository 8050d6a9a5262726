"""Refused rows kept: whole lines, their names at the end, going on where a run ended."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.small_disk import mounted

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.books.refused_files import (
    RefusedFile,
    finish_refused,
    reasons_path,
)
from utility_ts_analytics.files.pieces import Refused

HEAD = b"ts,kwh\n"
OWNER = "mine"


def refused(rec: int, text: bytes = b"x,-1\n", cell: str | None = "-1") -> Refused:
    return Refused(rec, rec + 1, "negative-value", "kwh", "kwh must not", cell, text)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "refused" / "deep" / "a.csv"


def names(path: Path) -> set[str]:
    return {file.name for file in path.parent.iterdir()} if path.parent.exists() else set()


def test_rows_stand_under_the_head_and_reasons_beside_them(path: Path) -> None:
    file = RefusedFile(path, OWNER, HEAD)
    file.write([refused(2, b"a,-1\n"), refused(3, b"b,-2")])
    file.write([refused(9, b"")])
    assert names(path) == {"a.csv.mine.partial", "a.csv.reasons.mine.partial"}
    file.finish()
    assert names(path) == {"a.csv", "a.csv.reasons"}
    assert path.read_bytes() == HEAD + b"a,-1\nb,-2\n"
    reasons = [msgspec.json.decode(line) for line in reasons_path(path).read_bytes().splitlines()]
    assert reasons[0] == {
        "record": 2,
        "line": 3,
        "code": "negative-value",
        "field": "kwh",
        "detail": "kwh must not",
        "text": "-1",
    }
    assert [reason["record"] for reason in reasons] == [2, 3, 9]
    assert path.stat().st_mode & 0o777 == 0o600


def test_without_refused_rows_there_is_no_file(path: Path) -> None:
    file = RefusedFile(path, OWNER, HEAD)
    file.sync()
    assert file.lengths == (0, 0)
    file.finish()
    assert names(path) == set()


def test_resumed_run_cuts_off_what_was_not_recorded(path: Path) -> None:
    file = RefusedFile(path, OWNER, HEAD)
    file.write([refused(2, b"a,-1\n")])
    file.sync()
    lengths = file.lengths
    file.write([refused(3, b"b,-2\n")])  # and no record of it: the process is killed here
    file.close()
    file = RefusedFile(path, OWNER, HEAD, lengths)
    file.write([refused(3, b"b,-2\n"), refused(4, b"c,-3\n")])
    file.finish()
    assert path.read_bytes() == HEAD + b"a,-1\nb,-2\nc,-3\n"
    assert len(reasons_path(path).read_bytes().splitlines()) == 3


def test_run_from_the_start_leaves_nothing_of_an_interrupted_one(path: Path) -> None:
    file = RefusedFile(path, OWNER, HEAD)
    file.write([refused(2)])
    file.close()
    file = RefusedFile(path, OWNER, HEAD)
    file.finish()
    assert names(path) == set()


def test_missing_rows_of_an_interrupted_run_are_told(path: Path) -> None:
    with pytest.raises(OperatorError, match=r"a\.csv\.mine\.partial lacks rows"):
        RefusedFile(path, OWNER, HEAD, (100, 100))


def test_run_that_ended_between_its_record_and_the_names_is_finished(path: Path) -> None:
    file = RefusedFile(path, OWNER, HEAD)
    file.write([refused(2)])
    file.sync()
    file.close()
    finish_refused(path, OWNER, kept=True)
    finish_refused(path, OWNER, kept=True)
    assert names(path) == {"a.csv", "a.csv.reasons"}


def test_two_loads_with_one_name_keep_the_rows_of_both(path: Path) -> None:
    """At once, in any order; the second is told, and finished once the name is free."""
    first, second = RefusedFile(path, OWNER, HEAD), RefusedFile(path, "other", HEAD)
    first.write([refused(2, b"first,-1\n")])
    second.write([refused(2, b"second,-1\n")])
    second.finish()
    with pytest.raises(OperatorError, match="another load has taken it; the refused rows are in"):
        first.finish()
    assert path.read_bytes() == HEAD + b"second,-1\n"
    assert path.with_name("a.csv.mine.partial").read_bytes() == HEAD + b"first,-1\n"
    path.rename(path.with_name("b.csv"))
    reasons_path(path).rename(path.with_name("b.csv.reasons"))
    finish_refused(path, OWNER, kept=True)
    assert path.read_bytes() == HEAD + b"first,-1\n"
    assert names(path) == {"a.csv", "a.csv.reasons", "b.csv", "b.csv.reasons"}


def test_load_without_refused_rows_leaves_those_of_another_alone(path: Path) -> None:
    interrupted = RefusedFile(path, OWNER, HEAD)
    interrupted.write([refused(2)])
    interrupted.close()
    RefusedFile(path, "other", HEAD).finish()
    finish_refused(path, "other", kept=False)
    assert names(path) == {"a.csv.mine.partial", "a.csv.reasons.mine.partial"}


def test_run_that_ended_between_name_and_removal_is_finished(path: Path) -> None:
    file = RefusedFile(path, OWNER, HEAD)
    file.write([refused(2)])
    file.close()
    path.hardlink_to(path.with_name("a.csv.mine.partial"))
    finish_refused(path, OWNER, kept=True)
    assert names(path) == {"a.csv", "a.csv.reasons"}


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP])
def test_file_system_without_hard_links_keeps_the_rows_of_both_as_well(
    path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(source: object, target: object) -> None:
        raise OSError(number, os.strerror(number))

    for owner in (OWNER, "other"):
        file = RefusedFile(path, owner, HEAD)
        file.write([refused(2, owner.encode())])
        file.close()
    monkeypatch.setattr(os, "link", refuse)
    finish_refused(path, OWNER, kept=True)
    with pytest.raises(OperatorError, match="another load has taken it"):
        finish_refused(path, "other", kept=True)
    assert path.read_bytes() == HEAD + b"mine\n"
    assert names(path) == {
        *("a.csv", "a.csv.reasons", "a.csv.other.partial", "a.csv.reasons.other.partial")
    }


def test_two_loads_do_not_write_to_one_file(path: Path) -> None:
    file = RefusedFile(path, OWNER, HEAD)
    file.write([refused(2)])
    other = RefusedFile.__new__(RefusedFile)
    with pytest.raises(OperatorError, match="another load is writing to it"):
        other.__init__(path, OWNER, HEAD)  # type: ignore[misc]
    file.finish()
    assert path.read_bytes() == HEAD + b"x,-1\n"


def test_folder_that_cannot_be_written_to_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OperatorError, match=r"cannot write refused rows to .*: File exists"):
        RefusedFile(tmp_path / "file" / "a.csv", OWNER, HEAD).write([refused(1)])


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "disk", "1m") as disk:
        yield disk


def test_full_disk_keeps_whole_lines_only(disk: Path) -> None:
    path = disk / "a.csv"
    file = RefusedFile(path, OWNER, HEAD)
    many = [refused(number, b"y" * 99 + b"\n") for number in range(1_000)]
    written = 0
    with pytest.raises(OperatorError, match="No space left on device; make room"):  # noqa: PT012
        while True:
            file.write(many)
            written += 1
    file.sync()
    lengths = file.lengths
    file.close()
    assert written > 1
    text = path.with_name("a.csv.mine.partial").read_bytes()
    assert text == HEAD + (b"y" * 99 + b"\n") * 1_000 * written
    assert lengths == (len(text), path.with_name("a.csv.reasons.mine.partial").stat().st_size)
