"""Decompress bodies as they arrive, in pieces of bounded size and with a bound on their sum.

A chunk that expands a million times and a header that asks for a huge window are both bounded: a
decompressor holds at most a few hundred KiB of output, and for zstd a window of up to 8 MiB, which
`window_bytes` announces before it is allocated.
"""

import zlib
from collections.abc import Iterator
from typing import Final, Literal, Protocol, assert_never

from utility_ts_analytics.errors import DecompressedTooLarge, InvalidEncoding, TruncatedBody
from utility_ts_analytics.reading.wrong_formats import of_packed
from utility_ts_analytics.reading.zstd_frames import ZstdStream

Encoding = Literal["identity", "gzip", "zstd"]

PIECE_BYTES_MAX: Final = 262_144
"""Largest piece of decompressed output, bytes."""

_GZIP_PIECE_BYTES: Final = 65_536
"""The same for gzip, smaller since each upload holds it twice: with 256 KiB, 64 gzip uploads took a
worker to 144 MiB, with this to 116 (`python -m loadtest memory --only gzip`)."""

_GZIP_INPUT_BYTES: Final = 16_384
"""zlib copies the input behind a member's end: this bounds what thousands of tiny members cost."""

_GZIP_WBITS: Final = 31
"""A 32 KiB window, with the gzip header and trailer (zlib manual, `inflateInit2`)."""


class Decompressor(Protocol):
    """Decompresses one body. Not to be used after it raised."""

    @property
    def window_bytes(self) -> int:
        """Memory that the next zstd frame needs beside its output; 0 where that is negligible."""
        ...

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what `chunk` expands to. Run the iterator to its end before the next call.

        A piece is empty where `window_bytes` has grown, before the window is allocated, and where
        much input has given no output yet.

        Raises:
            InvalidEncoding: The bytes are not what the encoding says.
            DecompressedTooLarge: The sum of the pieces went over the bound.
        """
        ...

    def finish(self) -> None:
        """Check that the body is complete.

        Raises:
            TruncatedBody: It ends before its compression says so.
        """
        ...


def decompressor(
    encoding: Encoding,
    max_decompressed_bytes: int,
    limit_name: str = "max_decompressed_bytes",
) -> Decompressor:
    """Return a decompressor of `encoding`.

    Args:
        encoding: `identity` passes chunks on unchanged and without a bound: the caller counts what
            came in.
        max_decompressed_bytes: Bound on the plain bytes of a compressed body, >= 1.
        limit_name: The setting that the bound comes from, for the error.
    """
    match encoding:
        case "identity":
            return _Identity()
        case "gzip":
            return _Gzip(_Budget(max_decompressed_bytes, limit_name))
        case "zstd":
            return _Zstd(_Budget(max_decompressed_bytes, limit_name))
        case _:
            assert_never(encoding)


class _Budget:
    """Counts the plain bytes of one body and holds them to the bound."""

    def __init__(self, bytes_max: int, limit_name: str) -> None:
        self.left_bytes = bytes_max
        self._bytes_max = bytes_max
        self._limit_name = limit_name

    def spend(self, piece: bytes) -> None:
        self.left_bytes -= len(piece)
        if self.left_bytes < 0:
            raise DecompressedTooLarge(
                f"cannot take the body: decompressed, it is over {self._bytes_max} bytes"
                f" ({self._limit_name})"
            )


class _Identity:
    """A body that is not compressed."""

    window_bytes = 0

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        yield chunk

    def finish(self) -> None:
        """Do nothing: only the framing of HTTP can tell whether anything is missing."""


class _Gzip:
    """RFC 1952: one or more members, nothing after the last."""

    window_bytes = 0

    def __init__(self, budget: _Budget) -> None:
        self._budget = budget
        self._member = zlib.decompressobj(wbits=_GZIP_WBITS)
        self._inside = False
        self._members_done = 0
        self._begins = b""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        self._begins = self._begins or chunk[:1]
        for start in range(0, len(chunk), _GZIP_INPUT_BYTES):
            if start:
                yield b""
            rest = chunk[start : start + _GZIP_INPUT_BYTES]
            while rest:
                self._inside = True
                yield from self._expand(rest)
                if not self._member.eof:
                    break
                rest = self._member.unused_data
                self._member = zlib.decompressobj(wbits=_GZIP_WBITS)
                self._inside = False
                self._members_done += 1

    def finish(self) -> None:
        if self._inside or not self._members_done:
            raise TruncatedBody("cannot take the body: its gzip data ends early")

    def _expand(self, data: bytes) -> Iterator[bytes]:
        """Yield what `data` expands to in this member."""
        while True:
            # One byte over the budget is enough to exceed it.
            size_max = min(_GZIP_PIECE_BYTES, self._budget.left_bytes + 1)
            try:
                piece = self._member.decompress(data, size_max)
            except zlib.error:
                where = "after its first member" if self._members_done else "in its first member"
                raise InvalidEncoding(
                    f"cannot decompress the body: it is not gzip {where}{of_packed(self._begins)}"
                ) from None
            self._budget.spend(piece)
            size, handed = len(piece), [piece]
            del piece  # not held while its lines wait
            if size:
                yield handed.pop()
            data = self._member.unconsumed_tail
            # A full piece may have left output inside zlib with all input used up.
            if self._member.eof or (not data and size < size_max):
                return


class _Zstd:
    """RFC 8878: one or more frames, nothing after the last; windows as RFC 9659 has them."""

    def __init__(self, budget: _Budget) -> None:
        self._budget = budget
        self._stream = ZstdStream()

    @property
    def window_bytes(self) -> int:
        return self._stream.window_bytes

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        for piece in self._stream.feed(chunk):
            self._budget.spend(piece)
            yield piece

    def finish(self) -> None:
        if not self._stream.at_frame_end:
            raise TruncatedBody("cannot take the body: its zstd data ends early")
