"""One ingest request, top to bottom: authorize, judge, admit, read, hand over, wait, answer.

Rows that are answered as accepted have reached the ack level. An answer says how many these are,
whatever ended the request.
"""

import asyncio
from collections.abc import Iterator

from utility_ts_analytics.asgi.admission import Admission
from utility_ts_analytics.asgi.auth import BearerAuth, check_origin
from utility_ts_analytics.asgi.body import RequestBody
from utility_ts_analytics.asgi.exchange import (
    Exchange,
    client_error,
    fault_of_ours,
    raise_if,
    until_settled,
)
from utility_ts_analytics.asgi.held_bytes import HeldBytes, HeldShare
from utility_ts_analytics.asgi.protocol import Receive, Scope, Send, header
from utility_ts_analytics.asgi.request import holder_of, read_head
from utility_ts_analytics.asgi.settings import IngestSettings
from utility_ts_analytics.asgi.small_posts import SmallPosts
from utility_ts_analytics.buffering.intake import Intake, IntakeSession
from utility_ts_analytics.clock import Clock
from utility_ts_analytics.errors import (
    BodyTimeout,
    ClientError,
    Overloaded,
    SinkUnavailable,
    StrictRejected,
)
from utility_ts_analytics.reading.compression import Decompressor, decompressor
from utility_ts_analytics.reading.json_array import decode_array
from utility_ts_analytics.reading.line_errors import over_long
from utility_ts_analytics.reading.lines import LineBlock, LineSplitter, LongLine
from utility_ts_analytics.reading.ndjson import Decoded, NdjsonDecoder
from utility_ts_analytics.records.validation import latest_ts


class IngestEndpoint:
    """The two routes of one stream. One per worker, used on one event loop."""

    def __init__(
        self,
        settings: IngestSettings,
        decoder: NdjsonDecoder,
        intake: Intake,
        auth: BearerAuth,
        clock: Clock,
    ) -> None:
        limits = settings.limits
        self._settings = settings
        self._limits = limits
        self._delivery_timeout_s = limits.delivery_timeout_ms / 1000
        self._decoder = decoder
        self._intake = intake
        self._admission = Admission(intake)
        self._arrays = HeldBytes(
            limits.channel_capacity_bytes,
            "array bodies already (channel_capacity_bytes); NDJSON is not held",
            self._admission.make_way,
        )
        self._windows = HeldBytes(
            limits.max_window_bytes,
            "decompression windows already (max_window_bytes); smaller ones need less",
            self._admission.make_way,
            wait_s=self._delivery_timeout_s,
        )
        self._auth = auth
        self._clock = clock
        self._small_posts = SmallPosts(
            settings, decoder, intake, self._admission, auth=auth, clock=clock
        )

    def stop_bodies(self, at_s: float) -> None:
        """Stop the work on bodies at loop time `at_s`, seconds: the worker drains."""
        self._admission.stop_bodies(at_s)

    async def handle(self, scope: Scope, receive: Receive, send: Send, *, ndjson: bool) -> None:
        """Answer one POST; never raises for anything that a client or the database does."""
        body = self._body(receive, ndjson=ndjson)
        if ndjson and await self._small_posts.answered(scope, body, send):
            return
        exchange = Exchange(self._settings, self._intake.measures, body, ndjson=ndjson)
        try:
            # Authorize.
            check_origin(scope, self._settings.allowed_origins)
            exchange.token_name = self._auth.holder_or_raise(header(scope, b"authorization"))
            # Judge the head; with `Expect: 100-continue` the body is not even asked for yet.
            exchange.head = head = read_head(
                scope, ndjson=ndjson, ndjson_strict=self._settings.ndjson_strict
            )
            body.check_length_or_raise(head.content_length)
            # Admit, read, hand over, wait.
            exchange.holder = holder_of(scope, exchange.token_name)
            exchange.validate_only = head.validate_only
            await self._ingest(exchange)
        except ClientError as error:
            exchange.error = error
        except Exception:  # noqa: BLE001  the border of a request: logged, answered, counted
            exchange.error = fault_of_ours(exchange.facts())
        # Answer.
        await exchange.finish(send, self._clock)
        if body.started or header(scope, b"expect") is None:
            await body.discard_rest()
        body.forget_client()

    def _body(self, receive: Receive, *, ndjson: bool) -> RequestBody:
        bytes_max, limit_name = self._limits.body_max(ndjson=ndjson)
        return RequestBody(
            receive,
            bytes_max=bytes_max,
            limit_name=limit_name,
            body_idle_timeout_s=self._limits.body_idle_timeout_ms / 1000,
            body_min_rate_bytes=self._limits.body_min_rate_bytes,
            count_bytes=self._intake.measures.request_bytes,
        )

    async def _ingest(self, exchange: Exchange) -> None:
        """Admit the request, take its body, and wait until its rows have ended."""
        if not exchange.validate_only:
            raise_if(self._intake.refusal())
        body = exchange.body
        place = self._admission.admitted_or_raise(body, exchange.holder, exchange.request_id)
        with place as session:
            exchange.session = session
            try:
                with body.deadline:
                    await self._read(exchange)
            except ClientError as error:
                exchange.error = error  # rows that were handed over before are still waited for
            finally:
                body.progress.end()
                session.end_of_rows()
            await self._wait_until_settled(exchange, session)

    async def _read(self, exchange: Exchange) -> None:
        head, body = exchange.head, exchange.body
        body.compressed = head.encoding != "identity"
        plain = decompressor(head.encoding, *self._limits.decompressed_max(ndjson=head.ndjson))
        with self._windows.share(body, exchange.holder) as window:
            if head.ndjson:
                await self._read_ndjson(exchange, plain, window)
            else:
                await self._read_array(exchange, plain, window)

    async def _read_ndjson(
        self, exchange: Exchange, plain: Decompressor, window: HeldShare
    ) -> None:
        body = exchange.body
        splitter = LineSplitter(self._limits.max_line_bytes)
        async for chunk in body.chunks():
            # No name for a piece: it would be held while its lines wait.
            for lines in map(splitter.feed, plain.feed(chunk)):
                await self._take_lines(exchange, lines)
                if body.compressed:  # a piece may have no line, and be one of thousands
                    await _pause(exchange, plain, window)
        plain.finish()
        await self._take_lines(exchange, splitter.finish())

    async def _take_lines(self, exchange: Exchange, parts: Iterator[LineBlock | LongLine]) -> None:
        """Make room for each block of lines, decode it, and hand its rows over."""
        ts_end = latest_ts(self._clock.wall_ns(), self._limits.max_future_minutes)
        for index, part in enumerate(parts):
            if index:  # one block is about 1 ms of work; let other tasks run, as the next read does
                await asyncio.sleep(0)
            if isinstance(part, LongLine):
                decoded = Decoded.of_error(over_long(part, self._limits.max_line_bytes))
            else:
                session = exchange.storing_session
                if session is not None:
                    raise_if(session.settlement.failure)
                    # Blank lines need no room: 50,000 of them would wait for an empty queue, and
                    # while a request waits for room, all new ones are refused.
                    if rows_max := part.rows_max:
                        raise_if(
                            await session.make_room(
                                rows_max, len(part.data), self._delivery_timeout_s
                            )
                        )
                decoded = self._decoder.decode(part, ts_end=ts_end)
            await self._take(exchange, decoded)

    async def _read_array(self, exchange: Exchange, plain: Decompressor, window: HeldShare) -> None:
        body = exchange.body
        with self._arrays.share(body, exchange.holder) as array:
            held = bytearray()
            async for chunk in body.chunks():
                for piece in plain.feed(chunk):
                    await array.hold(len(piece))
                    held += piece
                    body.progress.add_array_part(piece)
                    if body.compressed:
                        await _pause(exchange, plain, window)
            plain.finish()
            ts_end = latest_ts(self._clock.wall_ns(), self._limits.max_future_minutes)
            for decoded in decode_array(bytes(held), self._decoder, ts_end=ts_end):
                await self._take(exchange, decoded)
                await asyncio.sleep(0)

    async def _take(self, exchange: Exchange, decoded: Decoded) -> None:
        """Count what was decoded, hold it to the limits, and hand its rows over."""
        exchange.summary.add(decoded)
        exchange.body.progress.add_rows(decoded.row_count, decoded.size_bytes)
        session = exchange.storing_session
        if session is not None:
            session.refuse(decoded.errors)
        self._limits.check_or_raise(exchange.summary)
        if exchange.head.strict and decoded.errors:
            first = decoded.errors[0]
            where = "line" if exchange.head.ndjson else "index"
            raise StrictRejected(f"{where} {first.position}: {first.code}: {first.detail}")
        if session is None:
            return
        raise_if(session.settlement.failure)
        raise_if(
            await session.submit(
                decoded.lines or decoded.rows,
                decoded.positions,
                decoded.size_bytes,
                self._delivery_timeout_s,
                decoded.days,
            )
        )

    async def _wait_until_settled(self, exchange: Exchange, session: IntakeSession) -> None:
        settlement = session.settlement
        if self._settings.ack != "enqueued":
            try:
                await until_settled(settlement, self._limits.settled_within_s)
            except SinkUnavailable as error:
                exchange.error = error
        if settlement.failure is not None and exchange.error is None:
            exchange.error = client_error(settlement.failure)


async def _pause(exchange: Exchange, plain: Decompressor, window: HeldShare) -> None:
    """Let other tasks run between two pieces, and hold memory for the next window, if one grew."""
    if plain.window_bytes > window.held_bytes:
        window.release()  # a request that waits holds nothing that another could wait for
        try:
            await window.hold(plain.window_bytes)
        except Overloaded as error:
            if exchange.session is not None and exchange.session.settlement.taken_rows:
                raise BodyTimeout(error.detail) from None  # 429 says that nothing was taken
            raise
    await asyncio.sleep(0)
