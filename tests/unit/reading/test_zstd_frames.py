"""The walk over zstd frames: kinds of frames and blocks, and what is refused."""

import pytest
import zstandard

from utility_ts_analytics.errors import InvalidEncoding
from utility_ts_analytics.reading.zstd_frames import WINDOW_BYTES_MAX, ZstdStream

MAGIC = bytes.fromhex("28b52ffd")
SKIPPABLE = bytes.fromhex("5a2a4d18") + (3).to_bytes(4, "little") + b"abc"


def expand(body: bytes, chunk_bytes: int = 1 << 20) -> list[bytes]:
    stream = ZstdStream()
    pieces = [
        piece
        for start in range(0, len(body), chunk_bytes)
        for piece in stream.feed(body[start : start + chunk_bytes])
    ]
    assert stream.at_frame_end
    return pieces


def block(kind: int, size: int, *, last: bool) -> bytes:
    return (size << 3 | kind << 1 | last).to_bytes(3, "little")


@pytest.mark.parametrize("chunk_bytes", [1, 1 << 20])
@pytest.mark.parametrize("write_checksum", [False, True])
@pytest.mark.parametrize("write_content_size", [False, True])
@pytest.mark.parametrize("size", [0, 1, 300, 70_000, 400_000])
def test_each_kind_of_frame_header_is_walked(
    size: int, write_content_size: bool, write_checksum: bool, chunk_bytes: int
) -> None:
    content = bytes(n % 251 for n in range(size))
    packer = zstandard.ZstdCompressor(
        write_checksum=write_checksum, write_content_size=write_content_size
    )
    assert b"".join(expand(packer.compress(content), chunk_bytes)) == content


def test_raw_and_run_length_blocks_are_walked() -> None:
    body = MAGIC + b"\x00\x58" + block(0, 3, last=False) + b"abc" + block(1, 5, last=True) + b"z"
    for chunk_bytes in (1, 2, 100):
        assert b"".join(expand(body, chunk_bytes)) == b"abczzzzz"


def test_chunk_of_run_length_blocks_comes_out_block_by_block() -> None:
    """Four bytes that expand to 128 KiB: the densest bomb there is."""
    blocks = (block(1, 131_072, last=False) + b"z") * 20 + block(0, 0, last=True)
    pieces = expand(MAGIC + b"\x00\x58" + blocks)
    assert sum(map(len, pieces)) == 20 * 131_072
    assert max(map(len, pieces)) <= 262_144


@pytest.mark.parametrize("chunk_bytes", [1, 100])
def test_skippable_frames_are_skipped_wherever_they_stand(chunk_bytes: int) -> None:
    frame = zstandard.ZstdCompressor().compress(b"content")
    body = SKIPPABLE + frame + SKIPPABLE + SKIPPABLE + frame + SKIPPABLE
    assert b"".join(expand(body, chunk_bytes)) == b"contentcontent"


def test_cut_skippable_frame_is_not_at_an_end() -> None:
    stream = ZstdStream()
    assert list(stream.feed(SKIPPABLE[:-1])) == []
    assert not stream.at_frame_end


def test_window_of_the_bound_is_taken_and_a_larger_one_is_not() -> None:
    content = b"0123456789" * 10

    def frame(window_log: int) -> bytes:
        parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=window_log)
        packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
        return packer.compress(content) + packer.flush()

    assert b"".join(expand(frame(23))) == content
    with pytest.raises(InvalidEncoding, match=f"window is over {WINDOW_BYTES_MAX} bytes"):
        expand(frame(24))
    with pytest.raises(InvalidEncoding, match=f"window is over {WINDOW_BYTES_MAX} bytes"):
        expand(raw_frame(b"\x00\xff"))  # 3.75 TiB: over what the library parses


@pytest.mark.parametrize(
    "body",
    [
        b"\x00\x00\x00\x00",
        b"\x1f\x8b\x08\x00",
        bytes.fromhex("25b52ffd") + bytes(20),
        MAGIC + b"\x08\x58" + block(0, 0, last=True),
        MAGIC + b"\x00\x58" + block(3, 0, last=True),
        MAGIC + b"\x00\x58" + block(0, 200_000, last=True),
        MAGIC + b"\x00\x58" + block(2, 4, last=True) + b"junk",
    ],
    ids=["zeros", "gzip", "legacy", "reserved-bit", "reserved-block", "big-block", "bad-block"],
)
def test_what_is_not_zstd_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidEncoding, match="cannot decompress the body"):
        expand(body)


def test_wrong_checksum_is_refused() -> None:
    frame = zstandard.ZstdCompressor(write_checksum=True).compress(b"content")
    with pytest.raises(InvalidEncoding, match="damaged"):
        expand(frame[:-1] + bytes([frame[-1] ^ 1]))


@pytest.mark.parametrize("chunk_bytes", [1, 5, 100])
@pytest.mark.parametrize(
    ("header", "size"),
    [
        (b"\x20\x01", 1),
        (b"\x24\x01", 1),
        (b"\x60\x00\x00", 256),
        (b"\x40\x58\x00\x00", 256),
        (b"\xa0\x01\x00\x00\x00", 1),
        (b"\xe0\x01\x00\x00\x00\x00\x00\x00\x00", 1),
    ],
)
def test_frame_that_ends_before_its_size_is_damaged(
    header: bytes, size: int, chunk_bytes: int
) -> None:
    """libzstd, fed block by block, takes an empty last block for the end without counting."""
    whole = MAGIC + header + block(1, size, last=True) + b"z"
    if header[0] & 4 == 0:
        assert b"".join(expand(whole, chunk_bytes)) == b"z" * size
    ends_early = MAGIC + header + block(0, 0, last=True)
    ends_early += zstandard.ZstdCompressor(write_checksum=True).compress(b"")[-4:]
    with pytest.raises(InvalidEncoding, match="not of the size that it says"):
        expand(ends_early, chunk_bytes)


def raw_frame(descriptor: bytes, content: bytes = b"x") -> bytes:
    return MAGIC + descriptor + block(0, len(content), last=True) + content


def windows(body: bytes, chunk_bytes: int) -> list[int]:
    """Return what was known of the window at each empty piece."""
    stream = ZstdStream()
    return [
        stream.window_bytes
        for start in range(0, len(body), chunk_bytes)
        for piece in stream.feed(body[start : start + chunk_bytes])
        if not piece
    ]


MIB = 1 << 20


@pytest.mark.parametrize("chunk_bytes", [1, 7, 1 << 20])
@pytest.mark.parametrize(
    ("descriptors", "grown"),
    [
        ([b"\x00\x00"], []),  # 1 KiB
        ([b"\x00\x38"], []),  # 128 KiB
        ([b"\x00\x39"], [147_456]),  # an eighth more
        ([b"\x00\x58"], [2 * MIB]),
        ([b"\x00\x68"], [8 * MIB]),
        ([b"\x00\x68", b"\x00\x58", b"\x00\x68"], [8 * MIB]),
        ([b"\x00\x58", b"\x00\x38", b"\x00\x68"], [2 * MIB, 8 * MIB]),
    ],
)
def test_window_is_told_before_a_frame_needs_more_than_those_before(
    descriptors: list[bytes], grown: list[int], chunk_bytes: int
) -> None:
    body = b"".join(raw_frame(descriptor) for descriptor in descriptors)
    assert windows(body, chunk_bytes) == grown
    assert b"".join(expand(body, chunk_bytes)) == b"x" * len(descriptors)


def test_content_in_one_segment_is_its_own_window() -> None:
    frame = zstandard.ZstdCompressor().compress(bytes(MIB))
    assert windows(frame, 1) == [MIB]
    head = MAGIC + b"\xa0" + (8 * MIB + 1).to_bytes(4, "little")
    with pytest.raises(InvalidEncoding, match="window is over 8388608 bytes"):
        expand(head + block(1, 1, last=True) + b"x")


def test_heads_without_content_let_others_run() -> None:
    body = b"\x50\x2a\x4d\x18\x00\x00\x00\x00" * 10_000
    assert len(windows(body, 65_536)) >= 30
