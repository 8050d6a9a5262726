"""Small files that are there whole or not at all, whatever ends the process or the machine."""

import os
from pathlib import Path
from typing import Final

from utility_ts_analytics.sinks.spool.files import sync_directory

FILE_MODE: Final = 0o600  # readings are personal data
FOLDER_MODE: Final = 0o700


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, if need be.

    Raises:
        OSError: That failed.
    """
    folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)


def replace_file(path: Path, content: bytes) -> None:
    """Put `content` in the place of a file's, and wait until it is on the disk.

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
