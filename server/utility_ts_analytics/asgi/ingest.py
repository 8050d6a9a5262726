"""One ingest request, top to bottom: authorize, judge, admit, read, hand over, wait, answer.

What is answered as accepted has reached the ack level; whatever cuts a request short, its answer
still says how many rows had.
"""

import asyncio
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import structlog

from utility_ts_analytics.asgi.admission import Admission
from utility_ts_analytics.asgi.auth import BearerAuth
from utility_ts_analytics.asgi.body import RequestBody
from utility_ts_analytics.asgi.failures import client_error, raise_if, raise_if_too_many
from utility_ts_analytics.asgi.held_bytes import HeldBytes
from utility_ts_analytics.asgi.noted_errors import AnsweredRequest, report
from utility_ts_analytics.asgi.origins import check_origin
from utility_ts_analytics.asgi.request import RequestHead, header, read_head
from utility_ts_analytics.asgi.responses import Json, send_json, send_problem
from utility_ts_analytics.asgi.types import IngestLimits, Receive, Scope, Send
from utility_ts_analytics.buffering.intake import Intake, IntakeSession
from utility_ts_analytics.clock import Clock
from utility_ts_analytics.errors import (
    ClientError,
    InternalError,
    NothingAccepted,
    SinkUnavailable,
    StrictRejected,
)
from utility_ts_analytics.reading.compression import decompressor
from utility_ts_analytics.reading.json_array import decode_array
from utility_ts_analytics.reading.lines import LineBlock, LineSplitter, LongLine
from utility_ts_analytics.reading.ndjson import Decoded, NdjsonDecoder
from utility_ts_analytics.reading.summary import ReadSummary
from utility_ts_analytics.records.validation import RowError, latest_ts
from utility_ts_analytics.telemetry.token_counts import TokenCounts

Ack = Literal["committed", "enqueued"]

_log = structlog.get_logger("ingest")


@dataclass(frozen=True, slots=True)
class IngestSettings:
    """How one stream's requests are treated.

    Attributes:
        stream: Name in the path, the log and the answers.
        limits: Bounds of one request.
        strict: Whether the first bad line ends a request that does not say.
        ack: What a 200 promises.
        allowed_origins: Of pages that may post, lower case.
    """

    stream: str
    limits: IngestLimits
    strict: bool
    ack: Ack
    allowed_origins: frozenset[str] = frozenset()


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
        self._held = HeldBytes(settings.limits.held_body_bytes)
        self._auth = auth
        self._clock = clock

    def cut_bodies(self, at_s: float) -> None:
        """Stop waiting for unfinished bodies at loop time `at_s`, seconds: the worker drains."""
        self._admission.cut_bodies(at_s)

    async def handle(self, scope: Scope, receive: Receive, send: Send, *, ndjson: bool) -> None:
        """Answer one POST; never raises for anything a client or the database does."""
        body = self._body(receive, ndjson=ndjson)
        tokens = self._intake.measures.tokens
        exchange = _Exchange(self._settings, tokens, ndjson=ndjson)
        try:
            check_origin(scope, self._settings.allowed_origins)
            exchange.token_name = self._auth.holder_or_raise(header(scope, b"authorization"))
            head = read_head(scope, ndjson=ndjson, strict_default=self._settings.strict)
            body.check_length_or_raise(head.content_length)
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

    def _body(self, receive: Receive, *, ndjson: bool) -> RequestBody:
        limits = self._settings.limits
        return RequestBody(
            receive,
            bytes_max=limits.max_ndjson_body_bytes if ndjson else limits.max_body_bytes,
            limit_name="max_ndjson_body_bytes" if ndjson else "max_body_bytes",
            idle_timeout_s=limits.body_idle_timeout_s,
            min_rate_bytes=limits.body_min_rate_bytes,
        )

    async def _ingest(self, head: RequestHead, body: RequestBody, exchange: "_Exchange") -> None:
        exchange.validate_only = head.validate_only
        if not head.validate_only:
            raise_if(self._intake.refusal())
        with self._admission.admitted_or_raise(body, exchange.request_id) as session:
            exchange.session = session
            try:
                await self._read(head, body, exchange)
            except ClientError as error:
                exchange.error = error
            finally:
                session.end_of_rows()
            await self._wait_until_settled(session, exchange)

    async def _wait_until_settled(self, session: IntakeSession, exchange: "_Exchange") -> None:
        settlement = session.settlement
        if self._settings.ack == "committed":
            try:
                async with asyncio.timeout(2 * self._settings.limits.delivery_timeout_s):
                    await settlement.settled()
            except TimeoutError:
                exchange.error = SinkUnavailable("the rows were not settled in time", 5)
        if settlement.failure is not None and exchange.error is None:
            exchange.error = client_error(settlement.failure)

    async def _read(self, head: RequestHead, body: RequestBody, exchange: "_Exchange") -> None:
        if head.ndjson:
            await self._read_ndjson(head, body, exchange)
        else:
            await self._read_array(head, body, exchange)

    async def _read_ndjson(
        self, head: RequestHead, body: RequestBody, exchange: "_Exchange"
    ) -> None:
        limits = self._settings.limits
        splitter = LineSplitter(limits.max_line_bytes)
        plain = decompressor(head.encoding, *limits.plain_bytes_max(ndjson=True))
        async for chunk in body.chunks():
            for piece in plain.feed(chunk):
                await self._take_parts(splitter.feed(piece), head, exchange)
        plain.finish()
        await self._take_parts(splitter.finish(), head, exchange)

    async def _take_parts(
        self, parts: Iterator[LineBlock | LongLine], head: RequestHead, exchange: "_Exchange"
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
                    raise_if(await session.make_room(part.lines, len(part.data), wait_s))
                decoded = self._decoder.decode(part, ts_end=ts_end)
            await self._take(decoded, head, exchange)
            await asyncio.sleep(0)  # one block is about 1 ms of work; let the others run

    async def _read_array(
        self, head: RequestHead, body: RequestBody, exchange: "_Exchange"
    ) -> None:
        limits = self._settings.limits
        plain = decompressor(head.encoding, *limits.plain_bytes_max(ndjson=False))
        with self._held.body() as hold_or_raise:
            held = bytearray()
            async for chunk in body.chunks():
                for piece in plain.feed(chunk):
                    hold_or_raise(len(piece))
                    held += piece
            plain.finish()
            ts_end = latest_ts(self._clock.wall_ns(), limits.max_future_minutes)
            for decoded in decode_array(bytes(held), self._decoder, ts_end=ts_end):
                await self._take(decoded, head, exchange)
                await asyncio.sleep(0)

    async def _take(self, decoded: Decoded, head: RequestHead, exchange: "_Exchange") -> None:
        limits = self._settings.limits
        exchange.summary.add(decoded)
        session = exchange.storing_session
        if session is not None:
            session.refuse(decoded.errors)
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


class _Exchange:
    """What is known of one request when it is answered."""

    def __init__(self, settings: IngestSettings, tokens: TokenCounts, *, ndjson: bool) -> None:
        self.summary = ReadSummary()
        self.session: IntakeSession | None = None
        self.error: ClientError | None = None
        self.validate_only = False
        self.request_id = uuid.uuid4().hex  # ours: what a client calls its request is not looked at
        self.token_name: str | None = None  # of its holder, once it is known
        self._settings = settings
        self._tokens = tokens
        self._position_name = "line" if ndjson else "index"

    @property
    def storing_session(self) -> IntakeSession | None:
        """Where rows go; None for a request that only has them checked."""
        return None if self.validate_only else self.session

    async def send(self, send: Send) -> int:
        """Answer with what became of the rows; return how many were accepted."""
        accepted = self._accepted_rows()
        if self.token_name is not None:  # published with the answer: asgi/metering.py
            self._tokens.add(self.token_name, 0 if self.validate_only else accepted)
        if self.session is not None:
            self.summary.add_errors(self.session.settlement.rejected)
        if self.error is None and accepted == 0 and self.summary.lines > 0:
            self.error = NothingAccepted("every line was refused; `errors` says why")
        counts = self._counts()
        if self.error is None:
            ack = "validated" if self.validate_only else self._ack()
            document = {"accepted": accepted, **counts, "ack": ack, "request_id": self.request_id}
            await send_json(send, 202 if ack == "spooled" else 200, document)
            return accepted
        extra = {"ack": self._ack(), **counts} if self.session is not None else counts
        await send_problem(
            send, self.error, request_id=self.request_id, accepted=accepted, extra=extra
        )
        return accepted

    def answered(self, accepted: int) -> AnsweredRequest:
        """Return what is told of this request."""
        stream = self._settings.stream
        return AnsweredRequest(stream, self.request_id, accepted, self.summary, self.token_name)

    def _ack(self) -> str:
        """Return the promise that holds for every accepted row."""
        spooled = self.session is not None and self.session.settlement.spooled_rows > 0
        return "spooled" if spooled and self._settings.ack == "committed" else self._settings.ack

    def _accepted_rows(self) -> int:
        if self.validate_only:
            return self.summary.valid_rows if self.error is None else 0
        if self.session is None:
            return 0
        settlement = self.session.settlement
        if self._settings.ack == "enqueued":
            return settlement.taken_rows - settlement.failed_rows - len(settlement.rejected)
        return settlement.stored_rows + settlement.spooled_rows

    def _counts(self) -> dict[str, Json]:
        errors: list[Json] = []
        for error in self.summary.errors:
            listed: dict[str, Json] = {self._position_name: error.position, "code": error.code}
            if error.field is not None:
                listed["field"] = error.field
            errors.append({**listed, "detail": error.detail})
        return {
            "parse_errors": self.summary.parse_errors,
            "rejected": self.summary.rejected,
            "errors": errors,
            "errors_truncated": self.summary.errors_truncated,
        }
