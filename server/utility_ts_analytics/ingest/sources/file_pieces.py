"""The bytes of one file, decompressed, in pieces of bounded size; and how far it has been read."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from utility_ts_analytics.errors import ClientError, OperatorError
from utility_ts_analytics.ingest.sources.contract import BLOCK_BYTES_MAX
from utility_ts_analytics.reading.compression import Encoding, decompressor

_READ_BYTES = 262_144
_UNBOUNDED = 2**62
"""A file's own size bounds it; nothing is held in memory."""


class FilePieces:
    """One file, or standard input for the path `-`, which is left open.

    Attributes:
        name: The path as it was given.
        size_bytes: Of the file on disk; None for standard input.
        bytes_read: Of the file on disk, so far.

    Args:
        path: What to read.
        encoding: How it is compressed.
        stack: Closes the file.

    Raises:
        OperatorError: It cannot be opened.
    """

    def __init__(self, path: Path, encoding: Encoding, stack: ExitStack) -> None:
        self.name = str(path)
        self.size_bytes: int | None = None
        self.bytes_read = 0
        self._encoding: Encoding = encoding
        if self.name == "-":
            self._file: BinaryIO = sys.stdin.buffer
            return
        try:
            self._file = stack.enter_context(path.open("rb"))
            self.size_bytes = path.stat().st_size
        except OSError as error:
            raise OperatorError(f"cannot read {path}: {error.strerror}") from error

    def __iter__(self) -> Iterator[bytes]:
        """Yield the plain bytes in pieces of about a block, none empty.

        Raises:
            OperatorError: The file cannot be read, or its compression is damaged or cut.
        """
        held = bytearray()
        failure: OperatorError | None = None
        plain = self._plain()
        while failure is None:
            try:
                piece = next(plain, None)
            except OperatorError as error:
                piece, failure = None, error
            # Most of a block at once: what follows costs the same per piece, not per byte.
            held += piece or b""
            if held and (piece is None or len(held) >= BLOCK_BYTES_MAX):
                yield bytes(held)
                held.clear()
            if piece is None:
                break
        if failure is not None:
            raise failure

    def _plain(self) -> Iterator[bytes]:
        plain = decompressor(self._encoding, _UNBOUNDED)
        try:
            while chunk := self._file.read(_READ_BYTES):
                self.bytes_read += len(chunk)
                yield from plain.feed(chunk)
            plain.finish()
        except OSError as error:
            raise OperatorError(f"cannot read {self.name}: {error.strerror}") from error
        except ClientError as error:
            detail = error.detail.replace("the body", "the file")
            raise OperatorError(
                f"cannot read {self.name}: {detail} (near byte {self.bytes_read} of it)"
            ) from error
