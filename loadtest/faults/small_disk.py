"""A small disk: a file system in memory, where mounting is allowed."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

_COMMAND = "mount"
_TIMEOUT_S = 10.0


@contextlib.contextmanager
def small_disk(folder: Path, size_bytes: int) -> Iterator[bool]:
    """Mount a file system of this size at `folder` for a `with` block.

    Args:
        folder: Made here.
        size_bytes: A multiple of the page size.

    Yields:
        Whether it is mounted; if not, `folder` is an ordinary one.
    """
    folder.mkdir()
    mounted = _succeeds(_COMMAND, "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", str(folder))
    try:
        yield mounted
    finally:
        if mounted:
            # Lazily: a process may still have files open.
            _succeeds("umount", "--lazy", str(folder))


def _succeeds(*command: str) -> bool:
    try:
        done = subprocess.run(  # noqa: S603 - our own arguments
            command, capture_output=True, timeout=_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
