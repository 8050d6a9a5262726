"""Finds the files that a load reads: each file once, in a fixed order."""

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath
from typing import Final, Protocol

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.sources.stream_bytes import STDIN
from utility_ts_analytics.files.tables.zip_members import is_workbook, members

REASONS_SUFFIX: Final = ".reasons"
PARTIAL_SUFFIX: Final = ".partial"
OWN_SUFFIXES: Final = (REASONS_SUFFIX, PARTIAL_SUFFIX)
"""Suffixes of files that a load writes beside refused records, and never reads."""


@dataclass(frozen=True, slots=True)
class Input:
    """One file to load.

    Attributes:
        path: Path to open; `-` is standard input.
        below: Its name; of a file found in a folder, its path below that folder.
        size_bytes: Size on disk; None where it is unknown, as for a pipe.
        member: Its name within `path`, where that is a zip file.
        fault: Why it cannot be read, where that is known; follows "it".
    """

    path: Path
    below: PurePath
    size_bytes: int | None
    member: str | None = None
    fault: str | None = None

    @property
    def is_file(self) -> bool:
        """Whether it can be read again, also from its middle."""
        return self.size_bytes is not None

    @property
    def name(self) -> str:
        """The path, and the member behind it, for messages."""
        return str(self.path) if self.member is None else f"{self.path}/{self.member}"


@dataclass(frozen=True, slots=True)
class Inputs:
    """The result of a search.

    Attributes:
        files: Inputs in the order in which they are loaded.
        skipped: Files of folders and zip files that are of no known kind; pipes and devices in
            folders, with their kind.
        problems: Named paths that cannot be loaded, one line each.
    """

    files: Sequence[Input]
    skipped: Sequence[str]
    problems: Sequence[str]


class WhyNot(Protocol):
    """Tells why a file is not to be loaded."""

    def __call__(self, path: Path, member: str | None, *, named: bool) -> str | None:
        """Return the reason, which follows "it"; None if the file is to be loaded.

        Args:
            path: Path on the disk.
            member: Name of the file within it, where it is a zip file.
            named: Whether the file was named, and not found in a folder or a zip file.
        """
        ...


def find_inputs(paths: Iterable[Path], why_not: WhyNot) -> Inputs:
    """Find the files that `paths` name.

    A folder stands for the files below it, at any depth, in the order of their paths; names that
    begin with a dot are left out. A zip file stands for its files in the order of their names.
    Links to files are followed, links to folders are not. A file that is named twice is loaded
    once, where it comes first. Pipes are read only where they are named, since one in a folder may
    never end; devices are not read at all.

    Args:
        paths: Files, folders, and `-`.
        why_not: Tells which of the files that are found are not to be loaded.
    """
    search = _Search(why_not)
    for path in paths:
        search.look_at(path)
    return Inputs(tuple(search.files.values()), tuple(search.skipped), tuple(search.problems))


class _Search:
    """One search, with what it has found so far."""

    def __init__(self, why_not: WhyNot) -> None:
        self.files: dict[tuple[Path, str | None, str | None], Input] = {}
        self.skipped: list[str] = []
        self.problems: list[str] = []
        self._why_not = why_not

    def look_at(self, path: Path) -> None:
        if path == STDIN:
            self._take(Input(path, PurePath("stdin"), None))
        elif path.is_dir():
            for file in _files_below(path):
                self._look_below(file, file.relative_to(path))
        elif not path.exists():
            self.problems.append(f"cannot read {path}: No such file or directory")
        elif (what := _no_file(path)) not in (None, _PIPE):
            self.problems.append(
                f"cannot read {path}: it is {what}: files, pipes and - (standard input) are read"
            )
        elif is_archive(path):
            self._add_archive(path, PurePath(path.name))
        elif (reason := self._why_not(path, None, named=True)) is not None:
            self.problems.append(f"cannot read {path}: it {reason}")
        else:
            self._add(path, PurePath(path.name))

    def _look_below(self, path: Path, below: PurePath) -> None:
        """Look at a file of a folder: whatever its fault, the other files are loaded."""
        what = _no_file(path)
        if what is not None:
            self.skipped.append(f"{path} ({what})")
        elif is_archive(path):
            self._add_archive(path, below)
        elif self._why_not(path, None, named=False) is not None:
            self.skipped.append(str(path))
        elif not path.exists():
            self._take(Input(path, below, 0, fault="is a link to what is not there"))
        elif not os.access(path, os.R_OK):
            self._take(Input(path, below, 0, fault="may not be read: Permission denied"))
        else:
            self._add(path, below)

    def _add(self, path: Path, below: PurePath) -> None:
        size = self._size_of(path)
        if size != _UNREADABLE:
            self._take(Input(path, below, size))

    def _add_archive(self, path: Path, below: PurePath) -> None:
        if self._size_of(path) == _UNREADABLE:
            return
        try:
            found = members(path)
        except OperatorError as error:
            reason = str(error).removeprefix(f"cannot read {path}: ")
            self._take(Input(path, below, 0, fault=f"is a zip file that cannot be read: {reason}"))
            return
        for one in found.files:
            if self._why_not(path, one.name, named=False) is None:
                self._take(Input(path, _below(below, one.name), one.size_bytes, one.name))
            else:
                self.skipped.append(f"{path}/{one.name}")
        for left in found.skipped:  # they may have readings: without them the load is incomplete
            self._take(Input(path, _below(below, left.name), 0, left.name, left.reason))

    def _take(self, entry: Input) -> None:
        """Add an input, unless it is there already."""
        path = entry.path if entry.path == STDIN else entry.path.resolve()
        # Of two members with one name one can be read; the other is a fault of the zip file.
        self.files.setdefault((path, entry.member, entry.fault), entry)

    def _size_of(self, path: Path) -> int | None:
        try:
            status = path.stat()
            if not os.access(path, os.R_OK):
                raise PermissionError(0, "Permission denied")
        except OSError as error:
            self.problems.append(f"cannot read {path}: {error.strerror}")
            return _UNREADABLE
        return status.st_size if path.is_file() else None


_PIPE: Final = "a pipe"
_NO_FILES: Final = (
    (stat.S_ISFIFO, _PIPE),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


def _no_file(path: Path) -> str | None:
    """Return the kind of a path that is no file; None for a file, or where it cannot be read."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return None
    return next((what for is_one, what in _NO_FILES if is_one(mode)), None)


_UNREADABLE: Final = -1
_ZIP: Final = b"PK\x03\x04"


def is_archive(path: Path) -> bool:
    """Return whether a file is a zip file but no workbook, which is a zip file as well."""
    if not path.is_file():
        return False  # reading a pipe would wait, and lose its first bytes
    try:
        with path.open("rb") as file:
            return file.read(len(_ZIP)) == _ZIP and not is_workbook(path)
    except OSError:
        return False


def _below(below: PurePath, member: str) -> PurePath:
    """Return the name of a member below that of its zip file, whatever its own name is."""
    outside = ("..", "/", "//")
    return below.joinpath(*(part for part in PurePosixPath(member).parts if part not in outside))


def _files_below(folder: Path) -> Iterator[Path]:
    """Yield all files below, sorted in each folder; names that begin with a dot are left out."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith("."):
                yield Path(place, name)
