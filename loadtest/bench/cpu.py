"""The benches of the HTTP path that need only CPU: bytes to rows, rows to the lane, rows to sinks.

Each function is one question, and measures one case of it. The package is called as the service
calls it.
"""

import asyncio
import gzip
import itertools
from collections.abc import Iterator, MutableMapping, Sequence
from typing import Any

import zstandard
from loadtest.bench.figures import Figures, Request
from loadtest.bench.measuring import Trial, Work, measure_cpu, run_on_loop
from loadtest.readings import clean_lines
from loadtest.stored import TABLE

from utility_ts_analytics.asgi.admission import Admission
from utility_ts_analytics.asgi.body import RequestBody
from utility_ts_analytics.buffering.block import Block, Settlement
from utility_ts_analytics.buffering.intake import Intake
from utility_ts_analytics.buffering.queue import BlockQueue
from utility_ts_analytics.delivery.batch import Batch, Share
from utility_ts_analytics.reading.compression import Encoding, decompressor
from utility_ts_analytics.reading.lines import LineBlock, LineSplitter
from utility_ts_analytics.reading.ndjson import NdjsonDecoder
from utility_ts_analytics.records.days import ends_of
from utility_ts_analytics.records.event_id import assign_event_ids
from utility_ts_analytics.records.reading import Reading
from utility_ts_analytics.records.streams import STREAMS
from utility_ts_analytics.records.validation import TS_END, all_in_range, broken_rule
from utility_ts_analytics.sinks.contract import Sink
from utility_ts_analytics.sinks.ilp import ilp_over_http
from utility_ts_analytics.sinks.pgwire import PgwireSink

Rows = Sequence[Reading]

SPEC = STREAMS[TABLE]
BAD_SHARE = 0.05
_LINE_BYTES_MAX = 1024 * 1024
_CHUNK_BYTES = 65_536
_SEND_TIMEOUT_S = 60.0
_QUEUE_ROWS_MAX = 50_000
_QUEUE_BYTES_MAX = 64 * 1024 * 1024
_REQUESTS = 4
ODD_LINE = b'{"ts":"2024-01-01T00:00:00Z","meter_id":"a\\u0000","kwh":1}\n'
"""A refused line; its whole block is decoded line by line."""
_ODD_STRIDE = 500
"""Lines from one odd line to the next: every block, of 128 KiB, has at least one."""
_BATCH_BLOCKS = 32
"""About 25,000 rows: the default size of a batch."""


class Decoded:
    """Produced readings as lines and as decoded rows, block by block."""

    def __init__(self, rows: int) -> None:
        self.lines = clean_lines(rows)
        decode = NdjsonDecoder(SPEC, SPEC.record_type).decode
        blocks = _blocks_of(b"".join(self.lines))
        self.blocks: list[Rows] = [decode(block, ts_end=TS_END).rows for block in blocks]

    def measured(self, work: Work, request: Request, *, prepare: Work = lambda: None) -> Figures:
        """Return the figures of work on all rows."""
        return measure_cpu(Trial(self.lines, work, prepare=prepare), request)

    def forget_event_ids(self) -> None:
        """Leave the rows as they are before their ids are derived."""
        for row in itertools.chain.from_iterable(self.blocks):
            row.event_id = None


def _blocks_of(data: bytes) -> list[LineBlock]:
    splitter = LineSplitter(_LINE_BYTES_MAX)
    return [part for part in splitter.feed(data) if isinstance(part, LineBlock)]


def body_lines(request: Request) -> Figures:
    """What does it cost to admit a body that arrives in chunks, and to cut it into lines?"""
    lines = clean_lines(request.rows)
    plain = b"".join(lines)
    sent, encoding = _compressed(plain, request.case)
    chunks = [sent[start : start + _CHUNK_BYTES] for start in range(0, len(sent), _CHUNK_BYTES)]

    def work() -> None:
        read = run_on_loop(lambda: _read_body(chunks, encoding))
        if read != len(lines):
            raise RuntimeError(f"cannot measure: {read} of {len(lines)} lines were read")

    return measure_cpu(Trial(lines, work), request)


def _compressed(plain: bytes, case: str) -> tuple[bytes, Encoding]:
    match case:
        case "gzip":
            return gzip.compress(plain, compresslevel=6, mtime=0), "gzip"
        case "zstd":
            return zstandard.compress(plain), "zstd"
        case _:
            return plain, "identity"


async def _read_body(chunks: Sequence[bytes], encoding: Encoding) -> int:
    """Admit, read, decompress and cut one body that arrives in `chunks`; return its lines."""
    messages: Iterator[MutableMapping[str, Any]] = (
        {"type": "http.request", "body": chunk, "more_body": bool(chunk)}
        for chunk in [*chunks, b""]
    )

    async def receive() -> MutableMapping[str, Any]:
        return next(messages)

    body = RequestBody(
        receive, bytes_max=0, limit_name="none", body_idle_timeout_s=30.0, body_min_rate_bytes=1024
    )
    plain = decompressor(encoding, 2**40)
    splitter = LineSplitter(_LINE_BYTES_MAX)
    with Admission(_intake(_queue())).admitted_or_raise(body):
        with body.deadline:
            async for chunk in body.chunks():
                for piece in plain.feed(chunk):
                    for _ in splitter.feed(piece):
                        pass
        plain.finish()
        for _ in splitter.finish():
            pass
    return splitter.lines_seen


def decode_clean(request: Request) -> Figures:
    """How fast do blocks without a bad line become checked rows with event ids?"""
    lines = clean_lines(request.rows)
    return _decode(request, lines, lines)


def decode_dirty(request: Request) -> Figures:
    """How fast is it where one line in twenty is bad, in every way that a line can be?"""
    dirty = clean_lines(request.rows, bad_share=BAD_SHARE)
    return _decode(request, clean_lines(request.rows), dirty)


def decode_per_line(request: Request) -> Figures:
    """How fast is it where each line of a block needs a closer look?"""
    clean = clean_lines(request.rows)
    odd = clean.copy()
    odd[::_ODD_STRIDE] = [ODD_LINE] * len(odd[::_ODD_STRIDE])
    return _decode(request, clean, odd)


def _decode(request: Request, clean: Sequence[bytes], lines: Sequence[bytes]) -> Figures:
    """Decode all blocks of the body `lines`, one after the other, dropping the rows of each."""
    errors = sum(one != other for one, other in zip(clean, lines, strict=True))
    blocks = _blocks_of(b"".join(lines))
    decode = NdjsonDecoder(SPEC, SPEC.record_type).decode

    def work() -> None:
        rows = found = 0
        for block in blocks:
            decoded = decode(block, ts_end=TS_END)
            rows += len(decoded.rows)
            found += len(decoded.errors)
        if (rows, found) != (len(lines) - errors, errors):
            raise RuntimeError(f"cannot measure: {rows} rows and {found} errors came out")

    return measure_cpu(Trial(clean, work, sum(len(block.data) for block in blocks)), request)


def validation(request: Request) -> Figures:
    """What do the rules cost that the decoder cannot state: of a whole block, and of each row?"""
    decoded = Decoded(request.rows)

    def valid_block(rows: Rows) -> bool:
        return all_in_range(ends_of(rows), TS_END)

    def valid_rows(rows: Rows) -> bool:
        return not any(broken_rule(row, 1, TS_END) for row in rows)

    check = valid_block if request.case == "block" else valid_rows

    def work() -> None:
        if not all(map(check, decoded.blocks)):
            raise RuntimeError("cannot measure: a row was refused")

    return decoded.measured(work, request)


def event_id(request: Request) -> Figures:
    """What do the event ids of decoded rows cost?"""
    decoded = Decoded(request.rows)

    def work() -> None:
        for rows in decoded.blocks:
            assign_event_ids(rows, stream_number=SPEC.number)

    return decoded.measured(work, request, prepare=decoded.forget_event_ids)


def queue_hand_over(request: Request) -> Figures:
    """What does it cost to hand rows from requests to the lane and to settle them?"""
    decoded = Decoded(request.rows)
    row_bytes = sum(map(len, decoded.lines)) // len(decoded.lines)
    handed: list[Rows] = decoded.blocks
    if request.case == "single rows":
        handed = [[row] for row in itertools.chain.from_iterable(decoded.blocks)]
    blocks = [(rows, row_bytes * len(rows)) for rows in handed]

    def work() -> None:
        stored = run_on_loop(lambda: _hand_over(blocks))
        if stored != len(decoded.lines):
            raise RuntimeError(f"cannot measure: {stored} of {len(decoded.lines)} rows are settled")

    return decoded.measured(work, request)


async def _hand_over(blocks: Sequence[tuple[Rows, int]]) -> int:
    """Submit blocks from several requests at a time; return the rows that they know are stored."""
    queue = _queue()
    intake = _intake(queue)
    lane = asyncio.create_task(_settle_all(queue))
    try:
        sent = [_send_share(intake, blocks[start::_REQUESTS]) for start in range(_REQUESTS)]
        return sum(await asyncio.gather(*sent))
    finally:
        lane.cancel()


async def _send_share(intake: Intake, blocks: Sequence[tuple[Rows, int]]) -> int:
    session = intake.try_open()
    if session is None:
        raise AssertionError("the intake has a place for each request")
    with session:
        for rows, size_bytes in blocks:
            failure = await session.submit(rows, range(len(rows)), size_bytes, _SEND_TIMEOUT_S)
            if failure is not None:
                raise RuntimeError(f"cannot hand over: {failure.detail}")
            await asyncio.sleep(0)
        session.end_of_rows()
        await session.settlement.settled()
    return session.settlement.stored_rows


async def _settle_all(queue: BlockQueue) -> None:
    while True:
        await queue.wait_changed()
        batch = Batch(queue.release)
        while blocks := queue.take(1):
            batch.add(Share(blocks[0], 0, blocks[0].row_count))
        batch.store()


def _queue() -> BlockQueue:
    return BlockQueue(rows_max=_QUEUE_ROWS_MAX, bytes_max=_QUEUE_BYTES_MAX)


def _intake(queue: BlockQueue) -> Intake:
    return Intake([queue], max_concurrent_requests=128, refusal=lambda: None)


def encoding(request: Request) -> Figures:
    """What does it cost to turn rows into what each kind of sink sends?"""
    decoded = Decoded(request.rows)
    # A sink does not connect before it sends, and nothing is sent here.
    sink: Sink = (
        ilp_over_http("127.0.0.1:9", TABLE)
        if request.case == "ilp"
        else PgwireSink("postgresql://x/", TABLE, SPEC)
    )

    def work() -> None:
        payload = sink.new_payload()
        for number, rows in enumerate(decoded.blocks, 1):
            payload.encode(Block(rows, range(len(rows)), 0, Settlement()))
            if number % _BATCH_BLOCKS == 0:
                payload = sink.new_payload()

    try:
        return decoded.measured(work, request)
    finally:
        run_on_loop(sink.close)
