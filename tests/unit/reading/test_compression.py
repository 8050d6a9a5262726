"""Decompression: any chunking, bounded pieces, bombs, tears and damage."""

import gzip
import os
import random
import tracemalloc
import zlib
from collections.abc import Callable, Iterator, Sequence

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from utility_ts_analytics.errors import DecompressedTooLarge, InvalidEncoding, TruncatedBody
from utility_ts_analytics.reading.compression import (
    PIECE_BYTES_MAX,
    Decompressor,
    Encoding,
    decompressor,
)

Compress = Callable[[bytes], bytes]

PLAIN = b'{"ts":"2024-05-01T00:00:00Z","meter_id":"m-1","kwh":1.5}\n' * 50
COMPRESSED: Sequence[tuple[Encoding, Compress]] = (
    ("gzip", gzip.compress),
    ("zstd", zstandard.ZstdCompressor(write_checksum=True).compress),
)
both = pytest.mark.parametrize(("encoding", "compress"), COMPRESSED, ids=["gzip", "zstd"])


def expand(stream: Decompressor, body: bytes, chunk_bytes: int) -> bytes:
    plain = bytearray()
    for start in range(0, len(body), chunk_bytes):
        for piece in stream.feed(body[start : start + chunk_bytes]):
            assert len(piece) <= PIECE_BYTES_MAX
            plain += piece
    stream.finish()
    return bytes(plain)


@given(
    st.lists(st.one_of(st.binary(max_size=300), st.integers(0, 400_000).map(bytes)), max_size=3),
    st.integers(1, 200),
    st.sampled_from(COMPRESSED),
)
def test_any_chunking_of_any_frames_gives_the_same_bytes(
    parts: list[bytes], chunk_bytes: int, kind: tuple[Encoding, Compress]
) -> None:
    encoding, compress = kind
    body = b"".join(compress(part) for part in [*parts, b"end"])
    stream = decompressor(encoding, 10_000_000)
    assert expand(stream, body, chunk_bytes) == b"".join(parts) + b"end"


@both
def test_incompressible_and_mixed_content_survives(encoding: Encoding, compress: Compress) -> None:
    rng = random.Random(7)  # noqa: S311  content for a test
    mixed = b"".join(rng.choice([rng.randbytes(900), b"0" * 900, PLAIN]) for _ in range(400))
    for content in (os.urandom(300_000), mixed):
        for chunk_bytes in (997, 65_536, 1 << 22):
            stream = decompressor(encoding, 10_000_000)
            assert expand(stream, compress(content), chunk_bytes) == content


def test_identity_passes_chunks_on_without_a_bound() -> None:
    stream = decompressor("identity", 1)
    assert list(stream.feed(b"abc")) == [b"abc"]
    stream.finish()


@both
def test_every_cut_of_a_body_is_truncated(encoding: Encoding, compress: Compress) -> None:
    body = compress(PLAIN)
    for end in range(len(body)):
        stream = decompressor(encoding, 1_000_000)
        list(stream.feed(body[:end]))
        with pytest.raises(TruncatedBody, match=f"its {encoding} data ends early"):
            stream.finish()


@both
def test_cut_in_a_second_frame_is_truncated(encoding: Encoding, compress: Compress) -> None:
    body = compress(PLAIN)
    stream = decompressor(encoding, 1_000_000)
    list(stream.feed(body + body[:9]))
    with pytest.raises(TruncatedBody):
        stream.finish()


@both
def test_body_without_a_byte_is_truncated(encoding: Encoding, compress: Compress) -> None:
    with pytest.raises(TruncatedBody):
        decompressor(encoding, 1_000_000).finish()
    assert expand(decompressor(encoding, 1_000_000), compress(b""), 5) == b""


@both
@pytest.mark.parametrize("chunk_bytes", [1, 1 << 20])
def test_garbage_after_the_end_is_refused(
    encoding: Encoding, compress: Compress, chunk_bytes: int
) -> None:
    with pytest.raises(InvalidEncoding, match="cannot decompress the body"):
        expand(decompressor(encoding, 1_000_000), compress(PLAIN) + b"garbage", chunk_bytes)


@both
def test_body_that_is_not_compressed_at_all_is_refused(
    encoding: Encoding, compress: Compress
) -> None:
    assert compress(PLAIN) != PLAIN
    with pytest.raises(InvalidEncoding):
        expand(decompressor(encoding, 1_000_000), PLAIN, 1 << 20)


@both
def test_flipped_byte_is_never_taken_for_the_content(
    encoding: Encoding, compress: Compress
) -> None:
    body = compress(PLAIN)
    for place in range(len(body)):
        damaged = bytearray(body)
        damaged[place] ^= 0x55
        try:
            plain = expand(decompressor(encoding, 1_000_000), bytes(damaged), 1 << 20)
        except (InvalidEncoding, TruncatedBody, DecompressedTooLarge):
            continue
        # Bytes such as a gzip header's time stamp carry no content.
        assert plain == PLAIN


@both
def test_exactly_the_bound_is_taken_and_one_byte_more_is_not(
    encoding: Encoding, compress: Compress
) -> None:
    body = compress(PLAIN)
    assert expand(decompressor(encoding, len(PLAIN)), body, 100) == PLAIN
    limit = len(PLAIN) - 1
    with pytest.raises(DecompressedTooLarge, match=rf"{limit} bytes \(max_decompressed_bytes\)"):
        expand(decompressor(encoding, limit), body, 100)


@both
def test_bound_is_on_the_sum_over_frames(encoding: Encoding, compress: Compress) -> None:
    with pytest.raises(DecompressedTooLarge, match=r"\(max_body_bytes\)"):
        expand(decompressor(encoding, len(PLAIN), "max_body_bytes"), compress(PLAIN) * 2, 1 << 20)


def next_or_none(pieces: Iterator[bytes]) -> bytes | None:
    """Return the next piece, or None where the bound is reached: a bomb never ends otherwise."""
    try:
        return next(pieces)
    except DecompressedTooLarge:
        return None


def gzip_bomb(size_mib: int) -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(size_mib)) + packer.flush()


def zstd_bomb(size_mib: int) -> bytes:
    packer = zstandard.ZstdCompressor().compressobj()
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(size_mib)) + packer.flush()


@pytest.mark.parametrize(("encoding", "bomb"), [("gzip", gzip_bomb), ("zstd", zstd_bomb)])
def test_bomb_in_one_chunk_ends_at_the_bound_in_little_memory(
    encoding: Encoding, bomb: Callable[[int], bytes]
) -> None:
    body = bomb(64)
    stream = decompressor(encoding, 32 << 20)
    plain_bytes = 0
    tracemalloc.start()
    try:
        pieces = stream.feed(body)
        while (piece := next_or_none(pieces)) is not None:
            assert len(piece) <= PIECE_BYTES_MAX
            plain_bytes += len(piece)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (32 << 20) - PIECE_BYTES_MAX <= plain_bytes <= 32 << 20
    assert peak_bytes < 4 << 20
