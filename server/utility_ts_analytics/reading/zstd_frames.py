"""Feed zstd frames to the decompressor block by block, so that each step has a bounded output.

The library returns everything that its input expands to, which for a 200 KiB chunk can be 8 GiB. A
block expands to at most 128 KiB (RFC 8878 section 3.1.1.2.4), so the input is cut at the borders of
blocks, which their three-byte headers tell. Fed like this, the library does not notice a frame that
ends in an empty block before the size in its header; that is checked here.
"""

from collections.abc import Iterator
from typing import Final, Literal

import zstandard

from utility_ts_analytics.errors import InvalidEncoding
from utility_ts_analytics.reading.wrong_formats import of_packed

WINDOW_BYTES_MAX: Final = 8_388_608
"""Largest window of a frame that RFC 9659 allows, bytes; compression levels up to 19 keep to it."""

SMALL_WINDOW_BYTES: Final = 131_072
"""A window up to this size is no larger than the block of output that each frame needs anyway."""

_HEADS_AT_ONCE: Final = 512
"""Headers of empty blocks and frames that make about 1 ms of work."""

_MAGIC: Final = 0xFD2FB528
_SKIPPABLE_MAGIC: Final = 0x184D2A50
_MAGIC_BYTES: Final = 4
_SKIP_SIZE_BYTES: Final = 4
_BLOCK_HEADER_BYTES: Final = 3
_CHECKSUM_BYTES: Final = 4
_RESERVED_BIT: Final = 8
"""Of the frame header's descriptor (section 3.1.1.1.1)."""
_Part = Literal["magic", "skip size", "descriptor", "frame header", "block header"]


class ZstdStream:
    """Decompresses frame after frame. Not to be used after it raised.

    Attributes:
        window_bytes: The largest window of a frame so far; 0 if none was over
            `SMALL_WINDOW_BYTES`. Its memory is held until the end of the body.
    """

    def __init__(self) -> None:
        self.window_bytes = 0
        self._context = _context()
        self._opening = b""
        self._frame: zstandard.ZstdDecompressionObj | None = None
        self._part: _Part = "magic"
        self._part_bytes = _MAGIC_BYTES
        self._head = bytearray()
        self._body_left_bytes = 0
        self._has_checksum = False
        self._content_left_bytes: int | None = None
        self._frames_seen = False

    @property
    def at_frame_end(self) -> bool:
        """Whether at least one frame came and the last one is complete."""
        between = self._part == "magic" and not self._head and not self._body_left_bytes
        return between and self._frames_seen

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what `chunk` expands to, in pieces of at most 256 KiB.

        A piece is empty where `window_bytes` has grown, before the window is allocated, and now and
        then where there is much input without content.

        Raises:
            InvalidEncoding: The bytes are not zstd, are damaged, or need too large a window.
        """
        start = heads = 0
        while start < len(chunk):
            if self._body_left_bytes:
                data = chunk[start : start + self._body_left_bytes]
                start += len(data)
                self._body_left_bytes -= len(data)
            else:
                missing = self._part_bytes - len(self._head)
                self._head += chunk[start : start + missing]
                start += missing
                if len(self._head) < self._part_bytes:
                    return
                data = bytes(self._head)
                self._head.clear()
                window_bytes = self.window_bytes
                data = self._read_head(data)
                heads += 1
                if self.window_bytes > window_bytes:
                    self._context = _context()  # lets the smaller window go
                    yield b""
                elif heads % _HEADS_AT_ONCE == 0:
                    yield b""
            piece = self._expand(data)
            self._check_content_size(len(piece))
            if piece:
                yield piece

    def _expand(self, data: bytes) -> bytes:
        if not data:
            return b""
        if self._opening:
            self._frame = self._context.decompressobj()
            data, self._opening = self._opening + data, b""
        if self._frame is None:
            return b""
        try:
            return self._frame.decompress(data)
        except zstandard.ZstdError as error:
            raise _damaged() from error

    def _check_content_size(self, piece_bytes: int) -> None:
        """Raise if the frame is not of the size in its header; the header may have none."""
        if self._content_left_bytes is None:
            return
        self._content_left_bytes -= piece_bytes
        ended = self._part == "magic" and not self._body_left_bytes
        if ended and self._content_left_bytes:
            raise InvalidEncoding(
                "cannot decompress the body: a zstd frame is not of the size that it says"
            )

    def _expect(self, part: _Part, size_bytes: int) -> None:
        self._part, self._part_bytes = part, size_bytes

    def _read_head(self, head: bytes) -> bytes:
        """Learn from a complete header what follows it; return the bytes to decompress now."""
        value = int.from_bytes(head, "little")
        match self._part:
            case "magic":
                self._read_magic(value)
                return b""
            case "skip size":
                self._body_left_bytes = value
                self._expect("magic", _MAGIC_BYTES)
            case "descriptor":
                self._opening = _MAGIC.to_bytes(_MAGIC_BYTES, "little") + head
                header_bytes = zstandard.frame_header_size(self._opening)
                self._expect("frame header", header_bytes - len(self._opening))
                return b""
            case "frame header":
                self._read_frame_header(self._opening + head)
            case "block header":
                self._read_block_header(value)
        return head

    def _read_magic(self, value: int) -> None:
        """Section 3.1.1 for frames, 3.1.2 for skippable ones, whose magic may end in any digit."""
        is_first, self._frames_seen = not self._frames_seen, True
        if value == _MAGIC:
            self._frame = None
            self._expect("descriptor", 1)
        elif value >> 4 == _SKIPPABLE_MAGIC >> 4:
            self._frame = self._content_left_bytes = None
            self._expect("skip size", _SKIP_SIZE_BYTES)
        else:
            raise InvalidEncoding(
                "cannot decompress the body: there is no zstd frame where one starts"
                + (of_packed(value.to_bytes(_MAGIC_BYTES, "little")) if is_first else "")
            )

    def _read_frame_header(self, header: bytes) -> None:
        """Section 3.1.1.1: checksum, size of the content and window."""
        try:
            frame = zstandard.get_frame_parameters(header)
        except zstandard.ZstdError as error:
            if header[_MAGIC_BYTES] & _RESERVED_BIT:
                raise _damaged() from error
            raise _window_too_large() from error  # over 2 GiB, the library's own bound
        if frame.window_size > WINDOW_BYTES_MAX:
            raise _window_too_large()
        if frame.window_size > max(SMALL_WINDOW_BYTES, self.window_bytes):
            self.window_bytes = frame.window_size
        self._has_checksum = frame.has_checksum
        has_size = frame.content_size != zstandard.CONTENTSIZE_UNKNOWN
        self._content_left_bytes = frame.content_size if has_size else None
        self._expect("block header", _BLOCK_HEADER_BYTES)

    def _read_block_header(self, value: int) -> None:
        """Section 3.1.1.2: bit 0 says last, bits 1 and 2 the type, the rest the size."""
        last, block_type, size = value & 1, value >> 1 & 3, value >> 3
        self._body_left_bytes = 1 if block_type == 1 else size
        if last:
            self._body_left_bytes += _CHECKSUM_BYTES if self._has_checksum else 0
            self._expect("magic", _MAGIC_BYTES)


def _context() -> zstandard.ZstdDecompressor:
    return zstandard.ZstdDecompressor(max_window_size=WINDOW_BYTES_MAX)


def _damaged() -> InvalidEncoding:
    return InvalidEncoding("cannot decompress the body: its zstd data is damaged")


def _window_too_large() -> InvalidEncoding:
    return InvalidEncoding(
        f"cannot decompress the body: its zstd window is over {WINDOW_BYTES_MAX} bytes (RFC 9659)"
    )
