"""Temporary folders that belong to a process, and the removal of folders of killed processes.

A killed process cannot remove its folder; the next process of the same user that makes a folder of
the same kind removes it. A lock on a file in the folder tells whether the owner is alive: the
kernel releases it when the last process that inherited it has ended.
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
    """Make a folder for this user only, and remove folders of the same kind without an owner.

    It is locked until this process and all its forks have ended.

    Args:
        prefix: Of the folder's name; names the kind.
        parent: Folder to make it in; by default that of temporary files.

    Raises:
        OSError: The folder cannot be made.
    """
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    _remove_abandoned(folder.parent, prefix)
    lock_fd = os.open(folder / f"{_OWNER}.new", os.O_CREAT | os.O_WRONLY, 0o600)
    # On a file system without locks no other process will remove the folder.
    with contextlib.suppress(OSError):
        fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Only now: a process that sees the file finds it locked, or its owner dead.
        (folder / f"{_OWNER}.new").rename(folder / _OWNER)
    return folder


@contextlib.contextmanager
def owned_folder(prefix: str, parent: Path | None = None) -> Iterator[Path]:
    """Make an owned folder for a `with` block. Same contract as `make_owned_folder`."""
    folder = make_owned_folder(prefix, parent)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_abandoned(parent: Path, prefix: str) -> None:
    for folder in parent.glob(f"{prefix}*"):
        with contextlib.suppress(OSError):  # removed meanwhile, of another user, or in use
            _remove_if_abandoned(folder)


def _remove_if_abandoned(folder: Path) -> None:
    """Remove a folder of this user whose owner is dead.

    Raises:
        OSError: The owner is alive, or the folder cannot be removed.
    """
    folder_fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if os.fstat(folder_fd).st_uid != os.geteuid():
            return
        # Do not wait for the reader of a FIFO, do not follow a link.
        flags = os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        lock_fd = os.open(_OWNER, flags, dir_fd=folder_fd)
        try:
            fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder)
        finally:
            os.close(lock_fd)
    finally:
        os.close(folder_fd)
