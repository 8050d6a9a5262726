"""The fuzz targets: bodies, arrays, compression, heads of requests, configuration.

Each returns where all is well, and raises for a finding, most often `AssertionError`.
"""

import contextlib
import functools
import gzip
import json
import os
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import zstandard
from loadtest.fuzz.draws import Draws, cut
from loadtest.fuzz.plain_json import assert_same_as_plain_json

from utility_ts_analytics.asgi.auth import BearerAuth, HeldToken
from utility_ts_analytics.asgi.protocol import header
from utility_ts_analytics.asgi.request import read_head
from utility_ts_analytics.config import load_config, redacted
from utility_ts_analytics.errors import ClientError, ConfigError, InvalidJson, Unauthorized
from utility_ts_analytics.reading.compression import PIECE_BYTES_MAX, Encoding, decompressor
from utility_ts_analytics.reading.decoder_gaps import needs_plain_path
from utility_ts_analytics.reading.json_array import decode_array
from utility_ts_analytics.reading.lines import LineBlock, LineSplitter
from utility_ts_analytics.reading.ndjson import BYTE_ORDER_MARK, Decoded, NdjsonDecoder
from utility_ts_analytics.records.streams import STREAMS
from utility_ts_analytics.records.validation import TS_END
from utility_ts_analytics.sinks.ilp.text_blocks import json_encoder

_BLANKS = b" \t\r\n"
_ENCODINGS: tuple[Encoding, ...] = ("gzip", "zstd")
_SPOILED = {"invalid-encoding", "decompressed-too-large"}
_WINDOW_BYTES_MAX = 1 << 23
_SKIPPABLE_MAGICS = tuple(bytes((0x50 + digit, 0x2A, 0x4D, 0x18)) for digit in range(16))

_TOKEN = "only-this-one-opens-the-door"  # noqa: S105 - of no service
_NAMES = (
    b"content-type",
    b"content-encoding",
    b"content-length",
    b"authorization",
    b"expect",
    b"x-other",
)
_SECRETS = ("INGESTION__METER_USAGE__SOURCE__AUTH_BEARER_TOKEN", "INGESTION__QUESTDB__ILP_PASSWORD")
_SECTIONS = ("QUESTDB", "METER_USAGE__SOURCE", "GENERATION_OUTPUT__SINK", "SERVER", "METRICS")


@functools.cache
def _decoder_of(stream: str, *, allow_negative: bool, encodes: bool = False) -> NdjsonDecoder:
    """Return the decoder of one stream; one that encodes makes lines where it can."""
    spec = STREAMS[stream]
    record_type = spec.type_for(allow_negative=allow_negative)
    encode = json_encoder(stream, spec, record_type) if encodes else None
    return NdjsonDecoder(spec, record_type, encode)


def fuzz_ndjson(data: bytes) -> None:
    """A body in any chunks gives the rows and errors of its lines alone, encoded at once or not."""
    draws = Draws(data)
    stream, allow_negative = draws.choice(tuple(STREAMS)), draws.flag()
    decoder = _decoder_of(stream, allow_negative=allow_negative, encodes=True)
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
    plain = _decoder_of(stream, allow_negative=allow_negative)
    assert outcomes == _plain_outcomes(body, max_line_bytes, plain)


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
    assert decoded.line_count == decoded.row_count + len(decoded.errors)
    rows = decoded.rows if decoded.lines is None else decoded.lines.rows()
    found: list[tuple[int, object]] = [
        *zip(decoded.positions, rows, strict=True),
        # The sentence may count bytes, and a line alone has no newline behind it.
        *((error.position, (error.code, error.field)) for error in decoded.errors),
    ]
    return sorted(found, key=lambda outcome: outcome[0])


def fuzz_decoder(data: bytes) -> None:
    """The quick path and the plain path agree on any texts for which both may be taken."""
    draws = Draws(data)
    decoder = _decoder_of(draws.choice(tuple(STREAMS)), allow_negative=draws.flag())
    texts = draws.rest().split(b"\n")
    plain = decoder.decode_texts(
        texts, range(1, len(texts) + 1), ts_end=TS_END, size_bytes=0, plain=True
    )
    for text in texts:
        alone = decoder.decode_texts([text], [1], ts_end=TS_END, size_bytes=0, plain=True)
        assert_same_as_plain_json(text, alone)
    if not needs_plain_path(b"\n".join(texts)):
        quick = decoder.decode_texts(
            texts, range(1, len(texts) + 1), ts_end=TS_END, size_bytes=0, plain=False
        )
        assert _outcomes(quick) == _outcomes(plain)


def fuzz_array(data: bytes) -> None:
    """An array is refused as a whole, or its elements give the same results as lines."""
    draws = Draws(data)
    decoder = _decoder_of(draws.choice(tuple(STREAMS)), allow_negative=draws.flag())
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


def fuzz_head(data: bytes) -> None:
    """Any head is a `RequestHead` or one of the client's errors, and only the token opens."""
    draws = Draws(data)
    headers = [
        (draws.choice(_NAMES), draws.take(draws.integer(0, 60))) for _ in range(draws.integer(0, 8))
    ]
    query = draws.take(draws.integer(0, 120))
    scope = {"path": "/ingest/meter_usage", "headers": headers, "query_string": query}
    try:
        head = read_head(scope, ndjson=draws.flag(), ndjson_strict=draws.flag())
        assert head.content_length is None or head.content_length >= 0
    except ClientError as error:
        assert 400 <= error.status < 500
        assert error.detail.isascii()
    given = header(scope, b"authorization")
    try:
        BearerAuth([HeldToken("holder", _TOKEN)]).holder_or_raise(given)
        assert given is not None
        assert _TOKEN.encode() in given
    except Unauthorized:
        scheme, _, token = (given or b"").partition(b" ")
        assert (scheme.lower(), token) != (b"bearer", _TOKEN.encode())


def fuzz_config(data: bytes) -> None:
    """Any file and environment make a configuration, or problems in lines; no secret gets out."""
    draws = Draws(data)
    environ = {
        f"INGESTION__{draws.choice(_SECTIONS)}__{draws.text(24).upper()}": draws.text(24)
        for _ in range(draws.integer(0, 3))
    }
    # `..._FILE` variables are opened: they name only files that do not exist.
    environ = {n: f"missing-{v}" if n.endswith("_FILE") else v for n, v in environ.items()}
    secret = "s3cr3t-0f-n0-s3rv1c3"  # noqa: S105 - as above
    if draws.flag():
        environ[draws.choice(_SECRETS)] = secret
    try:
        with _file_with(draws.rest()) as path:
            config = load_config(path, environ)
    except ConfigError as error:
        assert error.problems
        for problem in error.problems:
            assert problem
            assert secret not in problem
        return
    for shown in (json.dumps(redacted(config)), repr(config)):
        assert secret not in shown


@contextlib.contextmanager
def _file_with(content: bytes) -> Iterator[Path]:
    """Return a file without a place on disk: libFuzzer ends its process without tidying up."""
    with os.fdopen(os.memfd_create("fuzzed.toml"), "wb") as file:
        file.write(content)
        file.flush()
        yield Path(f"/proc/self/fd/{file.fileno()}")


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    "ndjson": fuzz_ndjson,
    "decoder": fuzz_decoder,
    "array": fuzz_array,
    "compression": fuzz_compression,
    "head": fuzz_head,
    "config": fuzz_config,
}
