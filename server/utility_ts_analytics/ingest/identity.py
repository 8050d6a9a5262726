"""Whether a file is still the one that an earlier run read."""

import hashlib
import os
from pathlib import Path
from typing import Final

from msgspec import Struct

from utility_ts_analytics.errors import OperatorError

_END_BYTES: Final = 65_536


class FileIdentity(Struct, frozen=True):
    """What tells a file from another one, or from what it was before.

    Attributes:
        path: Resolved.
        size_bytes: On disk.
        mtime_ns: Of the last change to its content.
        inode: And device, so that a file that took its place is another one.
        device: See `inode`.
        ends_digest: Of its first and last 64 KiB: whoever sets a file's time back cannot set this.
    """

    path: str
    size_bytes: int
    mtime_ns: int
    inode: int
    device: int
    ends_digest: str


def identify(path: Path) -> FileIdentity:
    """Return the identity of a file that can be read.

    Raises:
        OperatorError: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            digest = hashlib.sha256(file.read(_END_BYTES))
            file.seek(max(0, status.st_size - _END_BYTES))
            digest.update(file.read(_END_BYTES))
    except OSError as error:
        raise OperatorError(f"cannot read {path}: {error.strerror}") from error
    return FileIdentity(
        str(path.resolve()),
        status.st_size,
        status.st_mtime_ns,
        status.st_ino,
        status.st_dev,
        digest.hexdigest(),
    )


def difference(old: FileIdentity, new: FileIdentity) -> str | None:
    """Say in a few words what has changed, or return None."""
    if old.path != new.path:
        return "it is another file"
    if old.size_bytes != new.size_bytes:
        return f"its size was {old.size_bytes:,} bytes and is {new.size_bytes:,}"
    if (old.inode, old.device) != (new.inode, new.device):
        return "another file has taken its place"
    if old.ends_digest != new.ends_digest:
        return "its content has changed"
    if old.mtime_ns != new.mtime_ns:
        return "it has been written to"
    return None
