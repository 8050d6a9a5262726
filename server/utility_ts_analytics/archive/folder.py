"""The archive's folder: where files are, one run per shard, files whole or not at all.

Names that begin with a dot are the archive's own; DuckDB, Spark, Polars and pandas ignore them.
"""

import contextlib
import errno
import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Final

from utility_ts_analytics.delivery.spool.files import sync_directory
from utility_ts_analytics.errors import OperatorError

SUFFIX: Final = ".parquet"
_DAY: Final = re.compile(r"day=([0-9]{4}-[0-9]{2}-[0-9]{2})")
_PATTERN_CHARACTERS = "*?["
"""DuckDB treats a path with one of these as a pattern."""


def table_folder(root: Path, table: str) -> Path:
    """Return the folder of one table."""
    return root / table


def day_path(root: Path, table: str, day: date, shard: str) -> Path:
    """Return the file of one day (UTC) and shard."""
    return table_folder(root, table) / f"day={day.isoformat()}" / f"{shard}{SUFFIX}"


def whole_path(root: Path, table: str, shard: str) -> Path:
    """Return the file of a table that is kept as one."""
    return table_folder(root, table) / f"{shard}{SUFFIX}"


def day_of(folder: Path) -> date | None:
    """Return the day of a folder `day=YYYY-MM-DD`; None for any other name."""
    match = _DAY.fullmatch(folder.name)
    if match is None:
        return None
    try:
        return date.fromisoformat(match[1])
    except ValueError:
        return None


def is_data_file(path: Path) -> bool:
    """Return whether readers of the archive take this file for data."""
    return path.suffix == SUFFIX and not path.name.startswith(".")


def new_path(path: Path) -> Path:
    """Return the hidden name under which `path` is written before it takes its place."""
    return path.with_name(f".{path.name}.new")


def export_path(root: Path, table: str, shard: str) -> Path:
    """Return the hidden file that holds what QuestDB sent of one day, until it is sorted."""
    return table_folder(root, table) / f".{shard}.export"


def state_path(root: Path, table: str, shard: str) -> Path:
    """Return the file with the state of a table: up to which transaction it was compared."""
    return table_folder(root, table) / f".{shard}.state.json"


def lock_path(root: Path, shard: str) -> Path:
    """Return the file whose lock one run per shard holds."""
    return root / f".{shard}.lock"


def spill_folder(root: Path, shard: str) -> Path:
    """Return DuckDB's folder for data that does not fit into memory."""
    return root / f".{shard}.spill"


@contextlib.contextmanager
def held_archive(root: Path, shard: str) -> Iterator[None]:
    """Hold the archive of one shard for a `with` block; remove what killed runs left.

    The folder must exist: creating it would hide a disk that is not mounted.

    Raises:
        OperatorError: It is not there, cannot be written, or another run holds this shard.
    """
    if any(character in str(root) for character in _PATTERN_CHARACTERS):
        raise OperatorError(f"cannot use {root}: the path must not hold *, ? or [")
    if not root.is_dir():
        raise OperatorError(
            f"cannot use the archive {root}: no such folder; make it (mkdir), or mount its disk"
        )
    with writing(root):
        lock = os.open(
            lock_path(root, shard), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
        )
    try:
        _lock_or_refuse(lock, root, shard)
        with writing(root):
            _remove_leftovers(root, shard)
        yield
    finally:
        shutil.rmtree(spill_folder(root, shard), ignore_errors=True)
        os.close(lock)


def replace_text(path: Path, content: bytes) -> None:
    """Replace a small file with `content`; on return it is on the disk.

    Raises:
        OSError: The file is as it was.
    """
    new = path.with_name(f"{path.name}.new")
    try:
        new.write_bytes(content)
        put_in_place(new, path)
    except OSError:
        new.unlink(missing_ok=True)
        raise


def put_in_place(new: Path, path: Path) -> None:
    """Sync a complete file and let it take the place of `path` in one step.

    Readers see the old file or the whole new one, also after a loss of power.

    Raises:
        OSError: `path` is as it was, or is the new file and may not be on the disk yet.
    """
    file = os.open(new, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)
    new.replace(path)
    sync_directory(path.parent)


def make_day_folder(folder: Path) -> None:
    """Make a folder below the archive, its name on the disk."""
    if folder.is_dir():
        return
    make_day_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_directory(folder.parent)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn a disk error into one that names the remedy.

    Raises:
        OperatorError: Names `path` and the cause.
    """
    try:
        yield
    except OSError as error:
        raise OperatorError(f"cannot write {path}: {_advice(error)}") from error


def _advice(error: OSError) -> str:
    cause = error.strerror or str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{cause}; make room and run it again: what is archived stays, nothing is half"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{cause}; give the user of this command the right to write there"
    return f"{cause}; run it again when that is mended"


def _lock_or_refuse(lock: int, root: Path, shard: str) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise OperatorError(
            f"cannot use the archive {root}: another run holds the shard {shard}; wait for its end,"
            " or give each QuestDB an archive.shard of its own"
        ) from None
    except OSError as error:
        raise OperatorError(
            f"cannot lock the archive {root}: {error.strerror}; its file system must know flock"
        ) from error


def _remove_leftovers(root: Path, shard: str) -> None:
    """Remove what runs of this shard were writing when they were killed."""
    shutil.rmtree(spill_folder(root, shard), ignore_errors=True)
    for pattern in (
        f"*/.{shard}.export",
        f"*/.{shard}.state.json.new",
        f"*/.{shard}.parquet.new",
        f"*/day=*/.{shard}.parquet.new",
    ):
        for path in root.glob(pattern):
            path.unlink(missing_ok=True)
