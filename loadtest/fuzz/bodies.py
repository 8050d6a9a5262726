"""Fuzz targets for bytes of a body: lines, decoding, arrays, compression."""

import functools
import gzip
import zlib

import zstandard
from loadtest.fuzz.draws import Draws, cut
from loadtest.fuzz.plain_json import assert_same_as_plain_json

from utility_ts_analytics.errors import ClientError, InvalidJson
from utility_ts_analytics.reading.compression import PIECE_BYTES_MAX, Encoding, decompressor
from utility_ts_analytics.reading.decoder_gaps import needs_plain_path
from utility_ts_analytics.reading.json_array import decode_array
from utility_ts_analytics.reading.lines import LineBlock, LineSplitter, LongLine
from utility_ts_analytics.reading.ndjson import BYTE_ORDER_MARK, Decoded, NdjsonDecoder
from utility_ts_analytics.records.streams import STREAMS
from utility_ts_analytics.records.validation import TS_END

_BLANKS = b" \t\r\n"
_ENCODINGS: tuple[Encoding, ...] = ("gzip", "zstd")
_SPOILED = {"invalid-encoding", "decompressed-too-large"}
_WINDOW_BYTES_MAX = 1 << 23
_SKIPPABLE_MAGICS = tuple(bytes((0x50 + digit, 0x2A, 0x4D, 0x18)) for digit in range(16))


@functools.cache
def decoder_of(stream: str, *, allow_negative: bool) -> NdjsonDecoder:
    """Return the decoder of one stream."""
    spec = STREAMS[stream]
    return NdjsonDecoder(spec, spec.type_for(allow_negative=allow_negative))


def fuzz_lines(data: bytes) -> None:
    """However a body is cut, its lines are those that a plain split gives."""
    draws = Draws(data)
    max_line_bytes, block_bytes_max = draws.integer(1, 64), draws.integer(1, 256)
    splitter = LineSplitter(max_line_bytes, block_bytes_max)
    sizes = draws.cut_sizes()
    body = draws.rest()
    texts = body.split(b"\n")
    if not texts[-1]:
        texts.pop()
    expected = [
        (n, text if len(text) <= max_line_bytes else None) for n, text in enumerate(texts, 1)
    ]
    assert _lines_of(splitter, cut(body, sizes)) == expected
    assert splitter.lines_seen == len(expected)


def _lines_of(splitter: LineSplitter, chunks: list[bytes]) -> list[tuple[int, bytes | None]]:
    parts = [part for chunk in chunks for part in splitter.feed(chunk)]
    found: list[tuple[int, bytes | None]] = []
    for part in [*parts, *splitter.finish()]:
        if isinstance(part, LongLine):
            found.append((part.line, None))
        else:
            assert part.data.endswith(b"\n")
            found += enumerate(part.data[:-1].split(b"\n"), part.first_line)
    return found


def fuzz_ndjson(data: bytes) -> None:
    """A body read in any chunks gives the same rows and errors as its lines alone."""
    draws = Draws(data)
    decoder = decoder_of(draws.choice(tuple(STREAMS)), allow_negative=draws.flag())
    max_line_bytes, block_bytes_max = draws.integer(40, 295), draws.integer(1, 600)
    sizes = draws.cut_sizes()
    body = draws.rest()
    splitter = LineSplitter(max_line_bytes, block_bytes_max)
    parts = [part for chunk in cut(body, sizes) for part in splitter.feed(chunk)]
    outcomes: list[tuple[int, object]] = []
    for part in [*parts, *splitter.finish()]:
        if isinstance(part, LineBlock):
            outcomes += _outcomes(decoder.decode(part, ts_end=TS_END))
        else:
            outcomes.append((part.line, "too long"))
    assert outcomes == _plain_outcomes(body, max_line_bytes, decoder)


def _plain_outcomes(
    body: bytes, max_line_bytes: int, decoder: NdjsonDecoder
) -> list[tuple[int, object]]:
    outcomes: list[tuple[int, object]] = []
    for number, line in enumerate(body.split(b"\n"), 1):
        if len(line) > max_line_bytes:
            outcomes.append((number, "too long"))
            continue
        text = line.removeprefix(BYTE_ORDER_MARK) if number == 1 else line
        alone = decoder.decode_texts([text], [number], ts_end=TS_END, size_bytes=0, plain=True)
        assert alone.line_count == (1 if text.strip(_BLANKS) else 0)
        assert_same_as_plain_json(text, alone)
        outcomes += _outcomes(alone)
    return outcomes


def _outcomes(decoded: Decoded) -> list[tuple[int, object]]:
    """Return the result of each line that is not blank, by number."""
    assert decoded.line_count == len(decoded.rows) + len(decoded.errors)
    found: list[tuple[int, object]] = [
        *zip(decoded.positions, decoded.rows, strict=True),
        # The sentence may count bytes, and a line alone has no newline behind it.
        *((error.position, (error.code, error.field)) for error in decoded.errors),
    ]
    return sorted(found, key=lambda outcome: outcome[0])


def fuzz_decoder(data: bytes) -> None:
    """The quick path and the plain path agree on any texts for which both may be taken."""
    draws = Draws(data)
    decoder = decoder_of(draws.choice(tuple(STREAMS)), allow_negative=draws.flag())
    texts = draws.rest().split(b"\n")
    plain = decoder.decode_texts(
        texts, range(1, len(texts) + 1), ts_end=TS_END, size_bytes=0, plain=True
    )
    for text, alone in zip(texts, _one_by_one(decoder, texts), strict=True):
        assert_same_as_plain_json(text, alone)
    if not needs_plain_path(b"\n".join(texts)):
        quick = decoder.decode_texts(
            texts, range(1, len(texts) + 1), ts_end=TS_END, size_bytes=0, plain=False
        )
        assert _outcomes(quick) == _outcomes(plain)


def _one_by_one(decoder: NdjsonDecoder, texts: list[bytes]) -> list[Decoded]:
    return [
        decoder.decode_texts([text], [1], ts_end=TS_END, size_bytes=0, plain=True) for text in texts
    ]


def fuzz_array(data: bytes) -> None:
    """An array is refused as a whole, or its elements give the same results as lines."""
    draws = Draws(data)
    decoder = decoder_of(draws.choice(tuple(STREAMS)), allow_negative=draws.flag())
    body = draws.rest()
    try:
        slices = list(decode_array(body, decoder, ts_end=TS_END))
    except InvalidJson as error:
        assert error.detail.isascii()
        return
    assert sum(part.size_bytes for part in slices) in (0, len(body))
    outcomes = [outcome for part in slices for outcome in _outcomes(part)]
    assert [position for position, _ in outcomes] == list(range(len(outcomes)))
    if body.removeprefix(BYTE_ORDER_MARK).lstrip(_BLANKS).startswith(b"{"):
        text = body.removeprefix(BYTE_ORDER_MARK)
        alone = decoder.decode_texts([text], [0], ts_end=TS_END, size_bytes=0, plain=True)
        assert outcomes == _outcomes(alone)


def fuzz_compression(data: bytes) -> None:
    """Any bytes end in the plain body or in one error, within the bounds, in any chunks."""
    draws = Draws(data)
    encoding = draws.choice(_ENCODINGS)
    budget_bytes = draws.choice((1, 100, 10_000, 1_000_000))
    sizes = draws.cut_sizes()
    body = _compressed(draws, encoding)
    whole = _expanded(encoding, budget_bytes, [body])
    in_chunks = _expanded(encoding, budget_bytes, cut(body, sizes))
    # A spoiled body may break both rules: either may be seen first.
    assert in_chunks == whole or {in_chunks, whole} == _SPOILED, in_chunks
    reference = _by_the_library(encoding, body)
    if isinstance(whole, bytes):
        # libzstd takes a compressed block of no bytes if it comes alone, and not in one go.
        assert whole in (reference, _by_the_library(encoding, body, step_bytes=1))
    elif isinstance(reference, bytes) and body:
        assert len(reference) > budget_bytes, whole


def _compressed(draws: Draws, encoding: Encoding) -> bytes:
    """Return members or frames, with one byte spoiled at times; or the rest as it is."""
    if draws.flag():
        return draws.rest()
    parts = []
    for _ in range(draws.integer(1, 4)):
        plain = draws.take(draws.integer(0, 40)) * draws.choice((1, 50, 20_000))
        if encoding == "gzip":
            parts.append(gzip.compress(plain, 1, mtime=0))
        else:
            options = draws.integer(0, 7)
            compressor = zstandard.ZstdCompressor(
                write_checksum=bool(options & 1), write_content_size=bool(options & 2)
            )
            parts.append(compressor.compress(plain))
            if options & 4:
                parts.append(b"\x5a\x2a\x4d\x18\x03\x00\x00\x00abc")  # a frame to be skipped
    body = bytearray(b"".join(parts))
    if draws.flag():
        body[draws.integer(0, 65_535) % len(body)] ^= draws.integer(1, 255)
    if draws.flag():
        del body[draws.integer(0, 65_535) % len(body) :]
    return bytes(body)


def _expanded(encoding: Encoding, budget_bytes: int, chunks: list[bytes]) -> bytes | str:
    """Return the plain body, or the code of the error that ended it."""
    stream, plain = decompressor(encoding, budget_bytes), bytearray()
    try:
        for chunk in chunks:
            for piece in stream.feed(chunk):
                assert len(piece) <= PIECE_BYTES_MAX
                plain += piece
                assert len(plain) <= budget_bytes
        stream.finish()
    except ClientError as error:
        return error.code
    return bytes(plain)


def _by_the_library(encoding: Encoding, body: bytes, step_bytes: int = 1 << 30) -> bytes | None:
    """Return the library's result, fed in such steps; None where it refuses."""
    try:
        if encoding == "gzip":
            return gzip.decompress(body) if body else None
        return _frames_by_the_library(body, step_bytes) if body else None
    except (OSError, EOFError, zlib.error, zstandard.ZstdError):
        return None


def _frames_by_the_library(body: bytes, step_bytes: int) -> bytes:
    context = zstandard.ZstdDecompressor(max_window_size=_WINDOW_BYTES_MAX)
    plain = bytearray()
    while body:
        if body[:4] in _SKIPPABLE_MAGICS:
            end = 8 + int.from_bytes(body[4:8], "little")
            if len(body) < max(8, end):
                raise EOFError
            body = body[end:]
            continue
        frame = context.decompressobj()
        while not frame.eof:
            if not body:
                raise EOFError
            plain += frame.decompress(body[:step_bytes])
            body = frame.unused_data + body[step_bytes:]
    return bytes(plain)
