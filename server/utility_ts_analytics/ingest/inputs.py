"""Which files a load reads: what was named, folders searched, each file once, in a fixed order."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final

from utility_ts_analytics.ingest.file_kinds import UNKNOWN_NAME

STDIN: Final = Path("-")
REASONS_SUFFIX: Final = ".reasons"
PARTIAL_SUFFIX: Final = ".partial"
OWN_SUFFIXES: Final = (REASONS_SUFFIX, PARTIAL_SUFFIX)
"""Of files that a load writes beside refused rows, and never reads."""


@dataclass(frozen=True, slots=True)
class Input:
    """One file to load.

    Attributes:
        path: As it is opened; `-` is standard input.
        below: Its name, for one found in a folder its path below that folder.
        size_bytes: On disk; None where nobody can tell, as for a pipe.
    """

    path: Path
    below: PurePath
    size_bytes: int | None

    @property
    def is_file(self) -> bool:
        """Whether it can be read again, and from its middle on."""
        return self.size_bytes is not None


@dataclass(frozen=True, slots=True)
class Inputs:
    """What was found.

    Attributes:
        files: In the order in which they are loaded.
        skipped: Files of folders that are of no known kind.
        problems: What was named and cannot be loaded, one line each.
    """

    files: Sequence[Input]
    skipped: Sequence[Path]
    problems: Sequence[str]


def find_inputs(paths: Iterable[Path], known: Callable[[Path], bool]) -> Inputs:
    """Find the files that `paths` name.

    A folder stands for the files below it, at any depth, whose kind is known, in the order of their
    paths; what begins with a dot is left out. Links to files are followed, links to folders
    are not. A file that is named twice is loaded once, where it comes first.

    Args:
        paths: Files, folders, and `-`.
        known: Tells whether the kind of a file is known.
    """
    files: dict[Path, Input] = {}
    skipped: list[Path] = []
    problems: list[str] = []
    for path in paths:
        if path == STDIN:
            files.setdefault(path, Input(path, PurePath("stdin"), None))
        elif path.is_dir():
            for file in _files_below(path):
                if known(file):
                    _add(files, file, file.relative_to(path), problems)
                else:
                    skipped.append(file)
        elif not known(path):
            missing = not path.exists()
            reason = "No such file or directory" if missing else UNKNOWN_NAME
            problems.append(f"cannot read {path}: {reason}")
        else:
            _add(files, path, PurePath(path.name), problems)
    return Inputs(tuple(files.values()), tuple(skipped), tuple(problems))


def _files_below(folder: Path) -> Iterator[Path]:
    """Yield all files below, sorted in each folder, without those that begin with a dot."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith("."):
                yield Path(place, name)


def _add(files: dict[Path, Input], path: Path, below: PurePath, problems: list[str]) -> None:
    try:
        status = path.stat()
        if not os.access(path, os.R_OK):
            raise PermissionError(0, "Permission denied")
    except OSError as error:
        problems.append(f"cannot read {path}: {error.strerror}")
        return
    size = status.st_size if path.is_file() else None
    files.setdefault(path.resolve(), Input(path, below, size))
