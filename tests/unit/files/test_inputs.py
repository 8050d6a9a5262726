"""Which files a load takes: folders and zip files in order, each file once, problems named."""

import os
import socket
import zipfile
from pathlib import Path, PurePath

import pytest

from utility_ts_analytics.files.inputs import Inputs, find_inputs, is_archive
from utility_ts_analytics.files.sources.stream_bytes import STDIN


def why_not(path: Path, member: str | None, *, named: bool) -> str | None:
    name = PurePath(member or path.name)
    if name.suffix == ".csv" or (named and name.suffix == ".dat"):
        return None
    return "is of no known kind: say what it is with --format"


def found(*paths: Path) -> Inputs:
    return find_inputs(paths, why_not)


def names(inputs: Inputs) -> list[str]:
    return [entry.below.as_posix() for entry in inputs.files]


def zipped(path: Path, *members: tuple[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (
        "b.csv",
        "a.csv",
        "z/c.csv",
        "m/n/d.csv",
        "notes.txt",
        "old.dat",
        ".hidden.csv",
        ".git/e.csv",
    ):
        path = tmp_path / "year" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "year"


def test_folder_is_searched_in_sorted_order_and_says_what_it_leaves_out(folder: Path) -> None:
    inputs = found(folder)
    assert names(inputs) == ["a.csv", "b.csv", "m/n/d.csv", "z/c.csv"]
    assert [entry.size_bytes for entry in inputs.files] == [5, 5, 9, 7]
    assert inputs.skipped == (f"{folder}/notes.txt", f"{folder}/old.dat")
    assert inputs.problems == ()


def test_file_named_twice_is_taken_once_where_it_comes_first(folder: Path) -> None:
    link = folder / "link.csv"
    link.symlink_to(folder / "a.csv")
    inputs = found(folder / "z" / "c.csv", folder, folder / "a.csv", STDIN, STDIN)
    taken = [entry.path.name for entry in inputs.files]
    assert taken == ["c.csv", "a.csv", "b.csv", "d.csv", "-"]
    assert inputs.files[0].below == PurePath("c.csv")


def test_standard_input_is_no_file_that_can_be_read_again() -> None:
    [entry] = found(STDIN).files
    assert (entry.path, entry.size_bytes, entry.is_file) == (STDIN, None, False)


def test_pipe_is_taken_but_has_no_size_and_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    [entry] = found(tmp_path / "pipe.csv").files
    assert not entry.is_file


def test_in_folders_only_files_are_read(folder: Path) -> None:
    os.mkfifo(folder / "c.csv")
    (folder / "d.csv").symlink_to("/dev/zero")
    (folder / "e.csv").symlink_to(folder / "gone.csv")
    (folder / "e.txt").symlink_to(folder / "gone.txt")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / "f.csv"))
        inputs = found(folder)
    assert inputs.problems == ()
    assert names(inputs) == ["a.csv", "b.csv", "e.csv", "m/n/d.csv", "z/c.csv"]
    assert {entry.below.name: entry.fault for entry in inputs.files if entry.fault} == {
        "e.csv": "is a link to what is not there"
    }
    assert inputs.skipped[:4] == (
        f"{folder}/c.csv (a pipe)",
        f"{folder}/d.csv (a device)",
        f"{folder}/e.txt",
        f"{folder}/f.csv (a socket)",
    )


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null"])
def test_devices_may_have_no_end_and_are_not_read(path: str) -> None:
    inputs = find_inputs([Path(path)], lambda *_, **__: None)
    assert inputs.files == ()
    [problem] = inputs.problems
    assert problem.startswith(f"cannot read {path}: it is a device: files, pipes and -")


def test_every_problem_is_named(folder: Path) -> None:
    (folder / "dangling.csv").symlink_to(folder / "gone")
    inputs = found(folder / "missing", folder / "notes.txt", folder / "dangling.csv")
    assert inputs.files == ()
    assert inputs.problems == (
        f"cannot read {folder}/missing: No such file or directory",
        f"cannot read {folder}/notes.txt: it is of no known kind: say what it is with --format",
        f"cannot read {folder}/dangling.csv: No such file or directory",
    )


def test_zip_file_stands_for_its_members_in_the_order_of_their_names(folder: Path) -> None:
    """Wherever it is, whatever its name; a member is never tried only since the zip was named."""
    members = (("b.csv", b"22"), ("in/a.csv", b"1"), ("README.txt", b"no"), ("x.dat", b"no"))
    export = zipped(folder / "p" / "export.bin", *members)
    for inputs in (found(export), found(export, folder / "p", export)):
        assert [(entry.name, entry.size_bytes) for entry in inputs.files] == [
            (f"{export}/b.csv", 2),
            (f"{export}/in/a.csv", 1),
        ]
        assert names(inputs)[0].endswith("export.bin/b.csv")
        assert f"{export}/README.txt" in inputs.skipped
        assert f"{export}/x.dat" in inputs.skipped
        assert all(entry.is_file for entry in inputs.files)
    assert names(found(folder)) == [
        *("a.csv", "b.csv", "m/n/d.csv", "p/export.bin/b.csv", "p/export.bin/in/a.csv", "z/c.csv")
    ]


def test_member_that_cannot_be_read_is_an_input_with_a_fault(tmp_path: Path) -> None:
    """It may hold readings: without it the load is not whole."""
    inner = zipped(tmp_path / "inner.zip", ("a.csv", b"1")).read_bytes()
    path = zipped(tmp_path / "a.zip", ("a.csv", b"1"), ("nested.zip", inner), ("secret.csv", b"2"))
    content = bytearray(path.read_bytes())
    for mark, flags in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):  # "encrypted", of the last member
        content[content.rindex(mark) + flags] |= 1
    path.write_bytes(content)
    faults = {entry.member: entry.fault for entry in found(path).files}
    assert faults.pop("a.csv") is None
    assert faults == {
        "nested.zip": "is a zip file within the zip file: unpack it first",
        "secret.csv": "is encrypted: unpack it with its password first",
    }


def test_second_member_of_one_name_is_a_fault_and_not_forgotten(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = zipped(tmp_path / "a.zip", ("a.csv", b"1"), ("a.csv", b"2"))
    assert [(entry.member, entry.fault) for entry in found(path).files] == [
        ("a.csv", None),
        ("a.csv", "is in there twice"),
    ]


@pytest.mark.parametrize("in_folder", [False, True])
def test_damaged_zip_file_is_an_input_with_a_fault_and_keeps_no_other_out(
    folder: Path, in_folder: bool
) -> None:
    path = zipped(folder / "c.zip", ("a.csv", b"1" * 1_000))
    path.write_bytes(path.read_bytes()[:-30])
    inputs = found(folder) if in_folder else found(path, folder / "a.csv")
    assert inputs.problems == ()
    [damaged] = [entry for entry in inputs.files if entry.fault]
    assert (damaged.name, damaged.fault) == (
        str(path),
        "is a zip file that cannot be read: File is not a zip file",
    )
    assert len(inputs.files) == (5 if in_folder else 2)


def test_workbook_is_a_file_and_no_zip_file(tmp_path: Path) -> None:
    book = zipped(tmp_path / "a.csv", ("[Content_Types].xml", b"x"), ("xl/workbook.xml", b"x"))
    assert not is_archive(book)
    [entry] = found(book).files
    assert entry.member is None
    assert not is_archive(tmp_path / "gone")


def test_zip_file_in_which_nothing_is_known_gives_no_file(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", ("a.txt", b"x"), ("__MACOSX/._a.csv", b"x"))
    inputs = found(path)
    assert (inputs.files, inputs.problems) == ((), ())
    assert inputs.skipped == (f"{path}/a.txt",)
