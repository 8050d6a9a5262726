"""Standard input and pipes: bytes that can be read only once."""

import contextlib
import os
import select
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from utility_ts_analytics.errors import ClientError, OperatorError
from utility_ts_analytics.files.pieces import Piece, PieceSource
from utility_ts_analytics.files.tables.file_bytes import FileBytes, encoding_of_bytes
from utility_ts_analytics.reading.compression import decompressor

STDIN: Final = Path("-")

_READ_BYTES: Final = 256 * 1024
_LOOK_S: Final = 0.2
"""Longest wait for bytes before `interrupt` is looked for, seconds."""

_UNBOUNDED: Final = 2**62
_MAGIC_BYTES: Final = 4


class StreamBytes:
    """Standard input, or a pipe.

    Args:
        path: The pipe; `-` is standard input.

    Attributes:
        name: The path, for messages.
        bytes_read: Bytes read so far, still packed where they are.
    """

    seekable = False

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self.bytes_read = 0
        self._path = path
        self._stopped = False

    def raw(self) -> Iterator[bytes]:
        """Yield the bytes as they come; ends early after `interrupt`.

        Raises:
            OperatorError: They cannot be read.
        """
        try:
            with self._opened() as fd:
                while not self._stopped:
                    # A thread that waits in `read` itself could not be told to end.
                    if not select.select([fd], [], [], _LOOK_S)[0]:
                        continue
                    try:
                        chunk = os.read(fd, _READ_BYTES)
                    except BlockingIOError:
                        continue
                    if not chunk:
                        return
                    self.bytes_read += len(chunk)
                    yield chunk
        except OSError as error:
            raise OperatorError(f"cannot read {self.name}: {error.strerror}") from error

    def chunks(self, offset: int = 0) -> Iterator[bytes]:
        """Yield the bytes, unpacked if their first ones say that they are packed.

        Args:
            offset: Always 0: a stream has no way back. The parameter is that of `FileBytes`.

        Raises:
            OperatorError: They cannot be read, or their packing is damaged or cut.
        """
        plain = None
        try:
            for chunk in _from_four(self.raw()):
                if plain is None:
                    plain = decompressor(encoding_of_bytes(chunk), _UNBOUNDED)
                yield from plain.feed(chunk)
            if plain is not None and not self._stopped:
                plain.finish()
        except ClientError as error:
            detail = error.detail.replace("the body", "the file")
            raise OperatorError(f"cannot read {self.name}: {detail}") from error

    def interrupt(self) -> None:
        """End the iteration within 0.2 s, bytes or not; from another thread."""
        self._stopped = True

    def close(self) -> None:
        """Do nothing: the stream is closed by the iteration that has opened it."""

    @contextlib.contextmanager
    def _opened(self) -> Iterator[int]:
        if self._path == STDIN:
            # Not sys.stdin.buffer: a thread that waits in its lock could end the process badly.
            yield sys.stdin.fileno()
            return
        # Without O_NONBLOCK, opening a pipe waits for its writer.
        fd = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            yield fd
        finally:
            os.close(fd)


class CopiedStream(PieceSource):
    """A stream for a source that reads its bytes more than once.

    The bytes are copied to a temporary file first, in the thread that iterates.

    Args:
        stream: The bytes.
        open_file: Opens the copy; closes it, and so removes it, if that fails.
    """

    resumable = False

    def __init__(self, stream: StreamBytes, open_file: Callable[[FileBytes], PieceSource]) -> None:
        super().__init__()
        self._stream = stream
        self._open_file = open_file
        self._source: PieceSource | None = None
        self._stopped = False

    @property
    def head(self) -> bytes:
        """That of the copy."""
        return super().head if self._source is None else self._source.head

    @property
    def bytes_read(self) -> int:
        """Bytes read so far of the stream."""
        return self._stream.bytes_read

    @property
    def notes(self) -> Mapping[str, int]:
        """Those of the copy."""
        return super().notes if self._source is None else self._source.notes

    @property
    def order_known(self) -> bool:
        """That of the copy."""
        return super().order_known if self._source is None else self._source.order_known

    def interrupt(self) -> None:
        """Stop waiting for bytes, and end the iteration soon; from another thread."""
        self._stopped = True
        self._stream.interrupt()
        if self._source is not None:
            self._source.interrupt()

    def __iter__(self) -> Iterator[Piece]:
        """Yield the pieces in order; see `PieceSource`."""
        copy = _copy_of(self._stream)
        if self._stopped:
            copy.unlink()
            return
        file = FileBytes(copy, name=self._stream.name, owns_path=True)
        self._source = self._stack.enter_context(self._open_file(file))
        yield from self._source


def _copy_of(stream: StreamBytes) -> Path:
    """Copy the bytes to a temporary file.

    Raises:
        OperatorError: They cannot be read, or there is no room.
    """
    try:
        with tempfile.NamedTemporaryFile(prefix="ingestion-service-", delete=False) as file:
            path = Path(file.name)
            try:
                for chunk in stream.raw():
                    file.write(chunk)
            except BaseException:
                path.unlink()
                raise
    except OSError as error:
        raise OperatorError(
            f"cannot keep {stream.name}: {error.strerror}; make room in {tempfile.gettempdir()},"
            " or set TMPDIR"
        ) from error
    return path


def _from_four(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield chunks, the first of at least the four bytes that tell a packing, if there are."""
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head) >= _MAGIC_BYTES:
            break
    if head:
        yield head
    yield from chunks
