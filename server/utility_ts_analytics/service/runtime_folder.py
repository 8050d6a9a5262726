"""The folder that the processes of one service share, and the end of those that nobody owns.

A supervisor that is killed cannot remove its folder; the next one of the same user does. Whose
owner lives is told by a lock on a file in it, which ends with the last process that has it by
forking: the kernel sees to that, whatever ends them.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

_PREFIX: Final = "ingestion-service-"
_OWNER: Final = "owner"


def make_runtime_folder() -> Path:
    """Make a folder for this user only, and remove those of services that have ended.

    It is locked until this process and all that it forks have ended.
    """
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    _remove_abandoned(folder.parent)
    lock_fd = os.open(folder / f"{_OWNER}.new", os.O_CREAT | os.O_WRONLY, 0o600)
    # A file system without locks: the folder stays unless we remove it ourselves.
    with contextlib.suppress(OSError):
        fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Only now: whoever sees the file finds it locked, or its owner dead.
        (folder / f"{_OWNER}.new").rename(folder / _OWNER)
    return folder


def _remove_abandoned(parent: Path) -> None:
    for folder in parent.glob(f"{_PREFIX}*"):
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
        lock_fd = os.open(_OWNER, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder_fd)
        try:
            fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder)
        finally:
            os.close(lock_fd)
    finally:
        os.close(folder_fd)
