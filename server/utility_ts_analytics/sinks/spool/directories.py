"""Directories of a spool: made private, synced, locked, and what is kept of damaged segments.

The lock of a directory is `flock` on the directory itself: there is no lock file that could be
removed while its holder lives, and the lock ends with the process, however that ends.
"""

import contextlib
import errno
import fcntl
import os
from pathlib import Path
from typing import Final

DAMAGED_FILES_MAX: Final = 8
"""Damaged segments kept per stream; the oldest goes first. They do not count as spool bytes."""


def make_directory(path: Path) -> None:
    """Make `path` and what is missing above it, for this user only; on return its name is synced.

    What exists keeps its mode.

    Raises:
        OSError: It cannot be made, or is no directory.
    """
    made = False
    if not path.exists():
        make_directory(path.parent)
        with contextlib.suppress(FileExistsError):
            path.mkdir(mode=0o700)
            made = True
    if not path.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    try:
        # Also where it exists: another process may have made it and not come to this line yet.
        sync_directory(path.parent)
    except PermissionError:
        # What we made we may sync; a directory prepared for us may lie where we may not read.
        if made:
            raise


def sync_directory(path: Path) -> None:
    """Wait until the names in a directory are on the disk.

    Raises:
        OSError: They are not, or may not be.
    """
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def lock_directory(path: Path) -> int | None:
    """Lock a directory; return the descriptor that holds the lock, or None.

    None if another holds it, or if it went away meanwhile: whoever removes a directory holds its
    lock, so one that still has its name once it is locked is the holder's alone.

    Raises:
        OSError: Locks do not work here, or the directory cannot be opened.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(path.lstat(), os.fstat(fd)):
            return fd
    except (BlockingIOError, FileNotFoundError):
        pass
    except OSError:
        os.close(fd)
        raise
    os.close(fd)
    return None


def keep_damaged(segment: Path) -> None:
    """Move a damaged segment out of its owner's directory into the stream's, and forget old ones.

    It becomes `<stream>/<owner>-<number>.damaged`.

    Raises:
        OSError: It cannot be moved.
    """
    stream_folder = segment.parent.parent
    segment.rename(stream_folder / f"{segment.parent.name}-{segment.stem}.damaged")
    # A file of this name is touched by nobody, so the time of the last change is its age.
    kept = []
    for path in stream_folder.glob("*.damaged"):
        with contextlib.suppress(FileNotFoundError):
            kept.append((path.stat().st_mtime_ns, path))
    for _, path in sorted(kept)[:-DAMAGED_FILES_MAX]:
        path.unlink(missing_ok=True)
