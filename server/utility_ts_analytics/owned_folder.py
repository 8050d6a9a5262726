"""Folders for as long as a process lives, and the end of those whose process was killed.

Who is killed cannot remove its folder; who makes the next one of the same kind there does, for the
same user. Whether the owner lives is told by a lock on a file in the folder. The kernel ends it
with the last process that has it by forking, whatever ended that.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_OWNER: Final = "owner"


def make_owned_folder(prefix: str, parent: Path | None = None) -> Path:
    """Make a folder for this user only, and remove those of the same kind without an owner.

    It is locked until this process and all that it forks have ended.

    Args:
        prefix: Names the kind.
        parent: Where it is made; by default where temporary files are.

    Raises:
        OSError: It cannot be made.
    """
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    _remove_abandoned(folder.parent, prefix)
    lock_fd = os.open(folder / f"{_OWNER}.new", os.O_CREAT | os.O_WRONLY, 0o600)
    # A file system without locks: nobody else will remove the folder.
    with contextlib.suppress(OSError):
        fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Only now: whoever sees the file finds it locked, or its owner dead.
        (folder / f"{_OWNER}.new").rename(folder / _OWNER)
    return folder


@contextlib.contextmanager
def owned_folder(prefix: str, parent: Path | None = None) -> Iterator[Path]:
    """Make such a folder for a `with` block."""
    folder = make_owned_folder(prefix, parent)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_abandoned(parent: Path, prefix: str) -> None:
    for folder in parent.glob(f"{prefix}*"):
        with contextlib.suppress(OSError):  # gone meanwhile, somebody else's, or in use
            _remove_if_abandoned(folder)


def _remove_if_abandoned(folder: Path) -> None:
    """Remove a folder of ours whose owner is dead.

    Raises:
        OSError: It is not, or it cannot be removed.
    """
    folder_fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if os.fstat(folder_fd).st_uid != os.geteuid():
            return
        # No waiting for the reader of a FIFO, no way out by a link.
        flags = os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        lock_fd = os.open(_OWNER, flags, dir_fd=folder_fd)
        try:
            fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder)
        finally:
            os.close(lock_fd)
    finally:
        os.close(folder_fd)
