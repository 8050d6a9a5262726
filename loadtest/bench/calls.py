"""Every call of the benches into the package, each in one place.

What changes there is followed here. Nothing is timed here, and nothing is done that the service
does not do.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, MutableMapping, Sequence
from typing import Any, Literal, TypeVar

import uvloop

from utility_ts_analytics.asgi.admission import Admission
from utility_ts_analytics.asgi.body import RequestBody
from utility_ts_analytics.buffering.block import Block, Settlement
from utility_ts_analytics.buffering.intake import Intake, IntakeSession
from utility_ts_analytics.buffering.queue import BlockQueue
from utility_ts_analytics.reading.compression import Encoding, decompressor
from utility_ts_analytics.reading.lines import LineBlock, LineSplitter
from utility_ts_analytics.reading.ndjson import NdjsonDecoder
from utility_ts_analytics.records.days import ends_of
from utility_ts_analytics.records.event_id import assign_event_ids
from utility_ts_analytics.records.reading import Reading
from utility_ts_analytics.records.streams import STREAMS
from utility_ts_analytics.records.validation import TS_END, all_in_range, broken_rule
from utility_ts_analytics.sinks.batch import Batch, Share
from utility_ts_analytics.sinks.contract import Delivered, Sink
from utility_ts_analytics.sinks.ilp import ilp_over_http, ilp_over_tcp
from utility_ts_analytics.sinks.pgwire import pgwire_sink

SinkKind = Literal["ilp_http", "ilp_tcp", "pgwire"]
Rows = Sequence[Reading]

TABLE = "meter_usage"
_SPEC = STREAMS[TABLE]
_LINE_BYTES_MAX = 1024 * 1024
_SEND_TIMEOUT_S = 60.0
_QUEUE_ROWS_MAX = 50_000
_QUEUE_BYTES_MAX = 64 * 1024 * 1024

ResultT = TypeVar("ResultT")


def run(main: Callable[[], Awaitable[ResultT]]) -> ResultT:
    """Run a coroutine on the kind of loop that the workers run on."""

    async def awaited() -> ResultT:
        return await main()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(awaited())


# Bytes to rows


def blocks_of(data: bytes) -> list[LineBlock]:
    """Cut a body as the service cuts it, into blocks that are within every bound."""
    splitter = LineSplitter(_LINE_BYTES_MAX)
    return [part for part in splitter.feed(data) if isinstance(part, LineBlock)]


def decoder() -> Callable[[LineBlock], tuple[Rows, int]]:
    """Return what turns a block into checked rows with event ids, and counts the lines refused."""
    decode = NdjsonDecoder(_SPEC, _SPEC.record_type).decode

    def rows_and_errors(block: LineBlock) -> tuple[Rows, int]:
        decoded = decode(block, ts_end=TS_END)
        return decoded.rows, len(decoded.errors)

    return rows_and_errors


def rows_of(data: bytes) -> list[Rows]:
    """Return the rows of a clean body, block by block."""
    decode = decoder()
    return [decode(block)[0] for block in blocks_of(data)]


def forget_event_ids(blocks: Sequence[Rows]) -> None:
    """Leave the rows as they are before their ids are derived."""
    for rows in blocks:
        for row in rows:
            row.event_id = None


def derive_event_ids(rows: Rows) -> None:
    """Set the event id of every row."""
    assign_event_ids(rows, stream_number=_SPEC.number)


def check_block(rows: Rows) -> bool:
    """Ask whether a block keeps the rules, as is done of all; True for a clean one."""
    return all_in_range(ends_of(rows), TS_END)


def check_each_row(rows: Rows) -> bool:
    """Ask it of every row by itself, as is done where the block may not be clean."""
    return not any(broken_rule(row, 1, TS_END) for row in rows)


# A body on its way in


async def read_body(chunks: Sequence[bytes], encoding: Encoding) -> int:
    """Admit, read, decompress and cut one body that arrives in `chunks`; return its lines."""
    messages = _messages(chunks)

    async def receive() -> MutableMapping[str, Any]:
        return next(messages)

    body = RequestBody(
        receive, bytes_max=0, limit_name="none", idle_timeout_s=30.0, min_rate_bytes=1024
    )
    plain = decompressor(encoding, 2**40)
    splitter = LineSplitter(_LINE_BYTES_MAX)
    with Admission(_intake(_queue())).admitted_or_raise(body):
        with body.cut:
            async for chunk in body.chunks():
                for piece in plain.feed(chunk):
                    for _ in splitter.feed(piece):
                        pass
        plain.finish()
        for _ in splitter.finish():
            pass
    return splitter.lines_seen


def _messages(chunks: Sequence[bytes]) -> Iterator[MutableMapping[str, Any]]:
    for chunk in chunks:
        yield {"type": "http.request", "body": chunk, "more_body": True}
    yield {"type": "http.request", "body": b"", "more_body": False}


# From the requests to the lane


async def hand_over(blocks: Sequence[tuple[Rows, int]], *, requests: int) -> int:
    """Take blocks through the queue from some requests at a time, and settle each as stored.

    Args:
        blocks: Rows, and the bytes that they came from.
        requests: Each hands over its share of the blocks.

    Returns:
        The rows that the requests know to be stored.
    """
    queue = _queue()
    intake = _intake(queue)
    lane = asyncio.create_task(_settle_all(queue))
    try:
        sent = [_send_share(intake, blocks[start::requests]) for start in range(requests)]
        return sum(await asyncio.gather(*sent))
    finally:
        lane.cancel()


async def _send_share(intake: Intake, blocks: Sequence[tuple[Rows, int]]) -> int:
    session = intake.try_open()
    if session is None:
        raise AssertionError("the intake has a place for each request")
    with session:
        await _submit(session, blocks)
        session.end_of_rows()
        await session.settlement.settled()
    return session.settlement.stored_rows


async def _submit(session: IntakeSession, blocks: Sequence[tuple[Rows, int]]) -> None:
    for rows, size_bytes in blocks:
        failure = await session.submit(rows, range(len(rows)), size_bytes, _SEND_TIMEOUT_S)
        if failure is not None:
            raise RuntimeError(f"cannot hand over: {failure.detail}")
        await asyncio.sleep(0)


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
    return Intake([queue], sessions_max=128, refusal=lambda: None)


# From the lane to the database


def sink(kind: SinkKind, *, http_port: int, ilp_port: int, pg_uri: str) -> Sink[Any]:
    """Return a sink for the table of meter readings. It does not connect before it sends."""
    match kind:
        case "ilp_http":
            return ilp_over_http(f"127.0.0.1:{http_port}", TABLE)
        case "ilp_tcp":
            return ilp_over_tcp(f"127.0.0.1:{ilp_port}", TABLE)
        case "pgwire":
            return pgwire_sink(pg_uri, TABLE, _SPEC)


def encode(to: Sink[Any], payload: Any, rows: Rows) -> None:  # noqa: ANN401 - the sink's own type
    """Append rows to a payload of that sink."""
    to.encode(Block(rows, range(len(rows)), 0, Settlement()), payload)


async def send(to: Sink[Any], payload: Any) -> None:  # noqa: ANN401 - as above
    """Send a payload.

    Raises:
        RuntimeError: It was not delivered.
    """
    outcome = await to.send(payload, timeout_s=_SEND_TIMEOUT_S)
    if not isinstance(outcome, Delivered):
        raise RuntimeError(f"cannot send a batch: {outcome}")  # noqa: TRY004 - not a wrong type
