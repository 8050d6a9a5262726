"""One ingest request, top to bottom: authorize, judge, admit, read, hand over, wait, answer.

What is answered as accepted has reached the ack level; whatever cuts a request short, its answer
still says how many rows had.
"""

import asyncio
from collections.abc import Iterator

import structlog

from utility_ts_analytics.asgi.admission import Admission
from utility_ts_analytics.asgi.auth import BearerAuth
from utility_ts_analytics.asgi.body import RequestBody
from utility_ts_analytics.asgi.exchange import Exchange, IngestSettings
from utility_ts_analytics.asgi.failures import client_error, raise_if, raise_if_too_many
from utility_ts_analytics.asgi.held_bytes import HeldBytes, HeldShare
from utility_ts_analytics.asgi.noted_errors import report
from utility_ts_analytics.asgi.origins import check_origin
from utility_ts_analytics.asgi.request import RequestHead, header, holder_of, read_head
from utility_ts_analytics.asgi.types import Receive, Scope, Send
from utility_ts_analytics.buffering.intake import Intake, IntakeSession
from utility_ts_analytics.clock import Clock
from utility_ts_analytics.errors import (
    BodyTimeout,
    ClientError,
    InternalError,
    Overloaded,
    SinkUnavailable,
    StrictRejected,
)
from utility_ts_analytics.reading.compression import Decompressor, decompressor
from utility_ts_analytics.reading.json_array import decode_array
from utility_ts_analytics.reading.lines import LineBlock, LineSplitter, LongLine
from utility_ts_analytics.reading.ndjson import Decoded, NdjsonDecoder
from utility_ts_analytics.records.validation import RowError, latest_ts

_log = structlog.get_logger("ingest")


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
        self._settings = settings
        self._decoder = decoder
        self._intake = intake
        self._admission = Admission(intake)
        limits = settings.limits
        self._arrays = HeldBytes(
            limits.held_body_bytes,
            "array bodies already (channel_capacity_bytes); NDJSON is not held",
            self._admission.make_way,
        )
        self._windows = HeldBytes(
            limits.window_bytes,
            "decompression windows already (max_window_bytes); smaller ones need less",
            self._admission.make_way,
            wait_s=limits.delivery_timeout_s,
        )
        self._auth = auth
        self._clock = clock

    def cut_bodies(self, at_s: float) -> None:
        """Stop the work on bodies at loop time `at_s`, seconds: the worker drains."""
        self._admission.cut_bodies(at_s)

    async def handle(self, scope: Scope, receive: Receive, send: Send, *, ndjson: bool) -> None:
        """Answer one POST; never raises for anything a client or the database does."""
        body = self._body(receive, ndjson=ndjson)
        tokens = self._intake.measures.tokens
        exchange = Exchange(self._settings, tokens, ndjson=ndjson)
        try:
            check_origin(scope, self._settings.allowed_origins)
            exchange.token_name = self._auth.holder_or_raise(header(scope, b"authorization"))
            head = read_head(scope, ndjson=ndjson, strict_default=self._settings.strict)
            body.check_length_or_raise(head.content_length)
            exchange.holder = holder_of(scope, exchange.token_name)
            await self._ingest(head, body, exchange)
        except ClientError as error:
            exchange.error = error
        except Exception:  # noqa: BLE001  the border of a request: logged, answered, counted
            request = exchange.answered(0)
            _log.exception("request failed", **request.facts())
            exchange.error = InternalError(f"the log has more under request id {request.id}")
        request = exchange.answered(await exchange.send(send))
        if exchange.error is not None or exchange.summary.counts:
            report(request, exchange.error, self._intake.measures, self._clock)
        # The error's traceback holds this frame, which holds the error: with that cycle the
        # connection would stay open until the garbage collector runs (test_slow_connections).
        exchange.error = None
        if body.started or header(scope, b"expect") is None:
            await body.discard_rest()
        body.forget_client()

    def _body(self, receive: Receive, *, ndjson: bool) -> RequestBody:
        limits = self._settings.limits
        return RequestBody(
            receive,
            bytes_max=limits.max_ndjson_body_bytes if ndjson else limits.max_body_bytes,
            limit_name="max_ndjson_body_bytes" if ndjson else "max_body_bytes",
            idle_timeout_s=limits.body_idle_timeout_s,
            min_rate_bytes=limits.body_min_rate_bytes,
        )

    async def _ingest(self, head: RequestHead, body: RequestBody, exchange: Exchange) -> None:
        exchange.validate_only = head.validate_only
        if not head.validate_only:
            raise_if(self._intake.refusal())
        place = self._admission.admitted_or_raise(body, exchange.holder, exchange.request_id)
        with place as session:
            exchange.session = session
            try:
                with body.cut:
                    await self._read(head, body, exchange)
            except ClientError as error:
                exchange.error = error
            finally:
                body.progress.end()
                session.end_of_rows()
            await self._wait_until_settled(session, exchange)

    async def _wait_until_settled(self, session: IntakeSession, exchange: Exchange) -> None:
        settlement = session.settlement
        if self._settings.ack == "committed":
            try:
                async with asyncio.timeout(2 * self._settings.limits.delivery_timeout_s):
                    await settlement.settled()
            except TimeoutError:
                exchange.error = SinkUnavailable("the rows were not settled in time", 5)
        if settlement.failure is not None and exchange.error is None:
            exchange.error = client_error(settlement.failure)

    async def _read(self, head: RequestHead, body: RequestBody, exchange: Exchange) -> None:
        body.compressed = head.encoding != "identity"
        plain_max = self._settings.limits.plain_bytes_max(ndjson=head.ndjson)
        plain = decompressor(head.encoding, *plain_max)
        with self._windows.share(body, exchange.holder) as window:
            if head.ndjson:
                await self._read_ndjson(head, body, plain, window, exchange)
            else:
                await self._read_array(head, body, plain, window, exchange)

    async def _read_ndjson(
        self,
        head: RequestHead,
        body: RequestBody,
        plain: Decompressor,
        window: HeldShare,
        exchange: Exchange,
    ) -> None:
        splitter = LineSplitter(self._settings.limits.max_line_bytes)
        async for chunk in body.chunks():
            for piece in plain.feed(chunk):
                await self._take_parts(splitter.feed(piece), head, body, exchange)
                if body.compressed:  # a piece may have no line, and be one of thousands
                    await _pause(plain, window, exchange)
        plain.finish()
        await self._take_parts(splitter.finish(), head, body, exchange)

    async def _take_parts(
        self,
        parts: Iterator[LineBlock | LongLine],
        head: RequestHead,
        body: RequestBody,
        exchange: Exchange,
    ) -> None:
        ts_end = latest_ts(self._clock.wall_ns(), self._settings.limits.max_future_minutes)
        for part in parts:
            if isinstance(part, LongLine):
                limit = self._settings.limits.max_line_bytes
                detail = f"the line is over {limit} bytes (max_line_bytes)"
                decoded = Decoded.of_error(RowError(part.line, "line-too-long", None, detail))
            else:
                session = exchange.storing_session
                if session is not None:
                    raise_if(session.settlement.failure)
                    wait_s = self._settings.limits.delivery_timeout_s
                    # Blank lines need none: 50,000 of them would wait for an empty queue, and
                    # while a request waits for room, all new ones are refused.
                    if rows_max := part.rows_max:
                        raise_if(await session.make_room(rows_max, len(part.data), wait_s))
                decoded = self._decoder.decode(part, ts_end=ts_end)
            await self._take(decoded, head, body, exchange)
            await asyncio.sleep(0)  # one block is about 1 ms of work; let the others run

    async def _read_array(
        self,
        head: RequestHead,
        body: RequestBody,
        plain: Decompressor,
        window: HeldShare,
        exchange: Exchange,
    ) -> None:
        with self._arrays.share(body, exchange.holder) as array:
            held = bytearray()
            async for chunk in body.chunks():
                for piece in plain.feed(chunk):
                    await array.hold(len(piece))
                    held += piece
                    body.progress.add_array_part(piece)
                    if body.compressed:
                        await _pause(plain, window, exchange)
            plain.finish()
            ts_end = latest_ts(self._clock.wall_ns(), self._settings.limits.max_future_minutes)
            for decoded in decode_array(bytes(held), self._decoder, ts_end=ts_end):
                await self._take(decoded, head, body, exchange)
                await asyncio.sleep(0)

    async def _take(
        self, decoded: Decoded, head: RequestHead, body: RequestBody, exchange: Exchange
    ) -> None:
        exchange.summary.add(decoded)
        body.progress.add_rows(len(decoded.rows), decoded.size_bytes)
        session = exchange.storing_session
        if session is not None:
            session.refuse(decoded.errors)
        limits = self._settings.limits
        raise_if_too_many(exchange.summary, limits)
        if head.strict and decoded.errors:
            first = decoded.errors[0]
            where = "line" if head.ndjson else "index"
            raise StrictRejected(f"{where} {first.position}: {first.code}: {first.detail}")
        if session is None:
            return
        raise_if(session.settlement.failure)
        wait_s = limits.delivery_timeout_s
        raise_if(
            await session.submit(
                decoded.rows, decoded.positions, decoded.size_bytes, wait_s, decoded.days
            )
        )


async def _pause(plain: Decompressor, window: HeldShare, exchange: Exchange) -> None:
    """Let others run between two pieces, and make room for what the decompressor needs next."""
    if plain.window_bytes > window.held_bytes:
        window.release()  # a request that waits holds nothing that another could wait for
        try:
            await window.hold(plain.window_bytes)
        except Overloaded as error:
            if exchange.session is not None and exchange.session.settlement.taken_rows:
                raise BodyTimeout(error.detail) from None  # 429 says that nothing was taken
            raise
    await asyncio.sleep(0)
