"""The bytes of one file, unpacked, as often as they are asked for."""

import lzma
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Final, cast

from utility_ts_analytics.errors import ClientError, OperatorError
from utility_ts_analytics.reading.compression import Encoding, decompressor

_READ_BYTES: Final = 262_144
_CHUNK_BYTES: Final = 1_048_576
_UNBOUNDED: Final = 2**62
"""A file's own size bounds it; nothing is held in memory."""

DAMAGED: Final = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    KeyError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)
"""What Python's zipfile raises on members that are damaged, or not there any more."""

_MAGIC: Final[dict[bytes, Encoding]] = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}


class FileBytes:
    """One file, plain, packed with gzip or zstd (known by its first bytes), or within a zip file.

    Args:
        path: Of the file on disk.
        member: Name of the file within it, where it is a zip file.
        name: For messages, in the place of the path.
        owns_path: Whether the file is a copy that goes when this is closed.

    Attributes:
        name: For messages: the path, and the member behind it.
        inner_name: Name of the file as such, without folders: for what the name says.
        bytes_read: Of the file on disk, or of the member, by the pass that came farthest.
    """

    def __init__(
        self,
        path: Path,
        member: str | None = None,
        *,
        name: str | None = None,
        owns_path: bool = False,
    ) -> None:
        self.path = path
        self.member = member
        self.name = name or (str(path) if member is None else f"{path}/{member}")
        self.inner_name = path.name if member is None else Path(member).name
        self.bytes_read = 0
        self._temporary = [path] if owns_path else []
        self._copy: Path | None = None

    @property
    def seekable(self) -> bool:
        """Whether a pass may begin in its middle: whether it is neither packed nor in a zip file.

        Raises:
            OperatorError: It cannot be read.
        """
        return self.member is None and encoding_of_bytes(self._head()) == "identity"

    def chunks(self, offset: int = 0) -> Iterator[bytes]:
        """Yield the unpacked bytes in pieces of about a MiB, none empty; a pass of its own.

        Args:
            offset: Where to begin; of a file that is `seekable`.

        Raises:
            OperatorError: The file cannot be read, or its packing is damaged or cut.
        """
        held = bytearray()
        failure: OperatorError | None = None
        plain = self._plain(offset)
        while failure is None:
            try:
                piece = next(plain, None)
            except OperatorError as error:
                piece, failure = None, error
            if not held and piece is not None and len(piece) >= _CHUNK_BYTES:
                yield piece  # as it was read: each copy costs as much as cutting it into lines
                continue
            # Most of a block at once: what follows costs the same per piece, not per byte.
            held += piece or b""
            if held and (piece is None or len(held) >= _CHUNK_BYTES):
                yield bytes(held)
                held.clear()
            if piece is None:
                break
        if failure is not None:
            raise failure

    def first_bytes(self, count: int) -> bytes:
        """Return the beginning, unpacked; shorter where the file is.

        Raises:
            OperatorError: As `chunks`.
        """
        head = b""
        for piece in self._plain():
            head += piece
            if len(head) >= count:
                break
        return head[:count]

    def plain_path(self) -> Path:
        """Return the path of the unpacked file: its own, or that of a copy made once.

        Raises:
            OperatorError: As `chunks`, or there is no room for the copy.
        """
        if self.seekable:
            return self.path
        if self._copy is None:
            suffix = Path(self.inner_name.removesuffix(".gz").removesuffix(".zst")).suffix
            try:
                with tempfile.NamedTemporaryFile(
                    prefix="ingestion-service-", suffix=suffix, delete=False
                ) as file:
                    self._temporary.append(Path(file.name))
                    for chunk in self.chunks():
                        file.write(chunk)
                self._copy = self._temporary[-1]
            except OSError as error:
                self._drop_part()
                raise OperatorError(
                    f"cannot unpack {self.name}: {error.strerror or error}; make room in"
                    f" {tempfile.gettempdir()}, or set TMPDIR"
                ) from error
            except BaseException:
                self._drop_part()
                raise
        return self._copy

    def close(self) -> None:
        """Remove what was copied. Idempotent."""
        self._copy = None
        while self._temporary:
            self._temporary.pop().unlink(missing_ok=True)

    def _drop_part(self) -> None:
        """Remove a copy that was not finished: on a full disk others want its room."""
        if self._temporary and self._temporary[-1] != self.path:
            self._temporary.pop().unlink(missing_ok=True)

    def _plain(self, offset: int = 0) -> Iterator[bytes]:
        position = offset
        try:
            with self._opened() as file:
                if offset:
                    file.seek(offset)
                chunk = file.read(_READ_BYTES)
                encoding: Encoding = "identity" if offset else encoding_of_bytes(chunk)
                plain = decompressor(encoding, _UNBOUNDED)
                size = _CHUNK_BYTES if encoding == "identity" else _READ_BYTES
                while chunk:
                    position += len(chunk)
                    self.bytes_read = max(self.bytes_read, position)
                    if encoding == "identity":
                        yield chunk
                    else:
                        yield from plain.feed(chunk)
                    chunk = file.read(size)
                plain.finish()
        except OSError as error:
            raise OperatorError(f"cannot read {self.name}: {error.strerror or error}") from error
        except DAMAGED as error:
            raise OperatorError(f"cannot read {self.name}: it is damaged ({error})") from error
        except ClientError as error:
            detail = error.detail.replace("the body", "the file")
            raise OperatorError(
                f"cannot read {self.name}: {detail} (near byte {position} of it)"
            ) from error

    def _opened(self) -> AbstractContextManager[BinaryIO]:
        if self.member is None:
            return self.path.open("rb")
        return cast("AbstractContextManager[BinaryIO]", _Member(self.path, self.member))

    def _head(self) -> bytes:
        try:
            with self._opened() as file:
                return file.read(4)
        except OSError as error:
            raise OperatorError(f"cannot read {self.name}: {error.strerror or error}") from error
        except DAMAGED as error:
            raise OperatorError(f"cannot read {self.name}: it is damaged ({error})") from error


class _Member:
    """A file within a zip file, open while a `with` lasts."""

    def __init__(self, path: Path, member: str) -> None:
        self._path = path
        self._member = member

    def __enter__(self) -> BinaryIO:
        status = self._path.stat()
        archive = _archive(self._path, status.st_ino, status.st_size, status.st_mtime_ns)
        self._file = cast("BinaryIO", archive.open(self._member))
        return self._file

    def __exit__(self, *error: object) -> None:
        self._file.close()


@lru_cache(maxsize=1)
def _archive(path: Path, *_: int) -> zipfile.ZipFile:
    """Open a zip file, unless it is the last one and has not changed.

    To read its list of members for each of them takes the square of their number: a dry run over
    1,000 small ones took 28 s, and takes 4 s. It stays open until another one is read.
    """
    return zipfile.ZipFile(path)


def encoding_of_bytes(head: bytes) -> Encoding:
    """Return how the first bytes of a file say that it is packed."""
    return next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), "identity")
