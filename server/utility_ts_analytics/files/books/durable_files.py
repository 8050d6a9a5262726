"""Writes small files so that they are whole, whatever ends the process or the machine."""

import os
from pathlib import Path
from typing import Final

from utility_ts_analytics.delivery.spool.files import sync_directory

FILE_MODE: Final = 0o600  # readings are personal data
FOLDER_MODE: Final = 0o700


def make_folder(folder: Path) -> None:
    """Make a folder, and missing ones above it.

    Raises:
        OSError: That failed.
    """
    folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)


def replace_file(path: Path, content: bytes) -> None:
    """Replace the content of a file in one step, and wait until it is on the disk.

    Raises:
        OSError: The file is as it was.
    """
    new = path.with_name(f"{path.name}.new")
    file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, FILE_MODE)
    try:
        try:
            with open(file, "wb", closefd=False) as stream:
                stream.write(content)
            os.fsync(file)
        finally:
            os.close(file)
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def append_durably(path: Path, content: bytes, size_bytes: int) -> None:
    """Append `content` to a file, and wait until it is on the disk.

    Args:
        path: The file.
        content: The bytes to append.
        size_bytes: Size of the file; bytes behind it are overwritten.

    Raises:
        OSError: The file is as it was.
    """
    file = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        try:
            view, at = memoryview(content), size_bytes
            while view:
                count = os.pwrite(file, view, at)
                view, at = view[count:], at + count
            os.fsync(file)
        except OSError:
            os.ftruncate(file, size_bytes)
            raise
    finally:
        os.close(file)
