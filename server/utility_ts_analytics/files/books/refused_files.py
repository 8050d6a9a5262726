"""Refused records of one input, in a file that can be corrected and loaded like the input itself.

`<name>.reasons` beside it has the reasons, one JSON object per line: `record` and `line` of the
input, `code`, `field`, `detail`, and the `text` at fault. While the load runs both names end in
`.<owner>.partial`; they are renamed when the input was read to its end, so a file without that
suffix is complete. Without refused records there is no file.

Two loads never write to one file: their partial files have different owners, and a name that
another load has taken is not taken again.
"""

import errno
import fcntl
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from utility_ts_analytics.delivery.spool.files import sync_directory
from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.files.books.durable_files import FILE_MODE, make_folder
from utility_ts_analytics.files.inputs import PARTIAL_SUFFIX, REASONS_SUFFIX
from utility_ts_analytics.files.pieces import Refused


class RefusedFile:
    """Writes the two files of one input. Every call may wait for the disk.

    Args:
        path: File of the refused records. Its folder is made when the first comes.
        owner: Part of the names of the partial files: the same in every run of one load over one
            input, and in no other load.
        head: What the file begins with, such as the header of a CSV file.
        lengths: Bytes of both files that an interrupted run has recorded; more is cut off.

    Attributes:
        lengths: Bytes of both files so far.

    Raises:
        OperatorError: A file cannot be written, or is shorter than the recorded length.
    """

    def __init__(
        self, path: Path, owner: str, head: bytes, lengths: tuple[int, int] = (0, 0)
    ) -> None:
        self._path = path
        self._owner = owner
        self._head = head
        self.lengths = lengths
        self._files: tuple[_Appended, _Appended] | None = None
        partial = _partials(path, owner)
        if any(lengths) or any(part.exists() for part in partial):
            self._files = self._opened(lengths)

    def write(self, refused: Sequence[Refused]) -> None:
        """Append refused records; in the page cache when this returns.

        Raises:
            OperatorError: That failed; nothing was appended.
        """
        if self._files is None:
            self._files = self._opened((0, 0))
        texts, reasons = self._files
        head = self._head if texts.length == 0 else b""
        try:
            texts.append(head + b"".join(_whole(line.text) for line in refused))
            reasons.append(b"".join(msgspec.json.encode(one.facts()) + b"\n" for one in refused))
        except OSError as error:
            self._files[0].cut(self.lengths[0])
            self._files[1].cut(self.lengths[1])
            raise self._problem(error) from error
        self.lengths = (texts.length, reasons.length)

    def sync(self) -> None:
        """Wait until all is on the disk.

        Raises:
            OperatorError: It may not be.
        """
        try:
            for file in self._files or ():
                file.sync()
        except OSError as error:
            raise self._problem(error) from error

    def close(self) -> None:
        """Close the files, and keep them for the next run. Idempotent."""
        files, self._files = self._files, None
        for file in files or ():
            file.close()

    def finish(self) -> None:
        """Rename the files, or remove them where nothing was refused.

        Raises:
            OperatorError: That failed.
        """
        self.sync()
        self.close()
        finish_refused(self._path, self._owner, kept=self.lengths[1] > 0)

    def _opened(self, lengths: tuple[int, int]) -> "tuple[_Appended, _Appended]":
        try:
            make_folder(self._path.parent)
            texts, reasons = _partials(self._path, self._owner)
            return _Appended(texts, lengths[0]), _Appended(reasons, lengths[1])
        except OSError as error:
            raise self._problem(error) from error

    def _problem(self, error: OSError) -> OperatorError:
        return OperatorError(
            f"cannot write refused rows to {self._path}: {error.strerror};"
            " make room, or give another --refused"
        )


def finish_refused(path: Path, owner: str, *, kept: bool) -> None:
    """Rename the files of an input, or remove them; completes what an earlier run began.

    Args:
        path: File of the refused records.
        owner: Part of the names of the partial files.
        kept: Whether there are refused records.

    Raises:
        OperatorError: That failed; another load may have taken the name.
    """
    partials = _partials(path, owner)
    try:
        for partial, final in zip(partials, (path, reasons_path(path)), strict=True):
            if not partial.exists():
                continue
            if kept:
                _take_name(partial, final)
            partial.unlink(missing_ok=True)
        if path.parent.exists():
            sync_directory(path.parent)
    except FileExistsError as error:
        raise OperatorError(
            f"cannot give {path} its name: another load has taken it; the refused rows are in"
            f" {partials[0]}: move {path} and {reasons_path(path)} away, then run the same"
            " command again"
        ) from error
    except OSError as error:
        raise OperatorError(
            f"cannot give {path} its name: {error.strerror}; its rows are in {partials[0]}"
        ) from error


def reasons_path(path: Path) -> Path:
    """Return the path of the reasons beside a file of refused records."""
    return path.with_name(path.name + REASONS_SUFFIX)


def _take_name(partial: Path, final: Path) -> None:
    """Rename a file without replacing another one.

    Raises:
        FileExistsError: There is a file with that name.
    """
    try:
        os.link(partial, final)
    except FileExistsError:
        if not final.samefile(partial):  # else an earlier run ended right here
            raise
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS):
            raise
        # A file system without hard links, such as FAT: take the name, then put the file there.
        os.close(os.open(final, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE))
        partial.replace(final)


class _Appended:
    """A file that is locked, and to which data are only appended."""

    def __init__(self, path: Path, length: int) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        self.length = length
        problem = self._prepare(path)
        if problem is not None:
            os.close(self._fd)
            raise OSError(0, problem)

    def _prepare(self, path: Path) -> str | None:
        """Lock the file and cut it to its length; return why that cannot be."""
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(self._fd).st_size < self.length:
                return f"{path.name} lacks rows that an interrupted run had written"
            os.ftruncate(self._fd, self.length)
        except BlockingIOError:
            return "another load is writing to it"
        except OSError as error:
            return error.strerror
        return None

    def append(self, data: bytes) -> None:
        view = memoryview(data)
        at = self.length
        while view:
            count = os.pwrite(self._fd, view, at)
            at += count
            view = view[count:]
        self.length = at

    def cut(self, length: int) -> None:
        os.ftruncate(self._fd, length)
        self.length = length

    def sync(self) -> None:
        os.fsync(self._fd)

    def close(self) -> None:
        os.close(self._fd)


def _partials(path: Path, owner: str) -> tuple[Path, Path]:
    suffix = f".{owner}{PARTIAL_SUFFIX}"
    reasons = reasons_path(path)
    return path.with_name(path.name + suffix), reasons.with_name(reasons.name + suffix)


def _whole(text: bytes) -> bytes:
    return text if not text or text.endswith(b"\n") else text + b"\n"
