"""The short way of a post: its whole body is in its first message, and every line of it is good.

So are nearly all posts of a head-end that sends what it has just read. For these, the objects and
steps that an upload of any size needs would take most of the time. Every other post, and every
doubt, goes the long way (`endpoint`) with its body unread. Both ways give the same answers, byte
for byte (`test_small_posts`).
"""

from typing import Final

from utility_ts_analytics.asgi.admission import Admission, Place
from utility_ts_analytics.asgi.auth import BearerAuth
from utility_ts_analytics.asgi.body import RequestBody
from utility_ts_analytics.asgi.exchange import (
    Exchange,
    client_error,
    fault_of_ours,
    request_facts,
    until_settled,
)
from utility_ts_analytics.asgi.protocol import Scope, Send
from utility_ts_analytics.asgi.request import CURL_DEFAULT_TYPE, NDJSON_TYPES, holder_of
from utility_ts_analytics.asgi.responses import new_request_id, send_good_answer
from utility_ts_analytics.asgi.settings import IngestSettings
from utility_ts_analytics.buffering.intake import Intake, IntakeSession
from utility_ts_analytics.clock import Clock
from utility_ts_analytics.errors import ClientError
from utility_ts_analytics.reading.lines import BLOCK_LINES_MAX, LineBlock
from utility_ts_analytics.reading.ndjson import Decoded, NdjsonDecoder
from utility_ts_analytics.records.validation import latest_ts

_BODY_BYTES_MAX: Final = 65_536
"""Longest body: no more comes in one message, and it is half a block of lines."""

_TYPES: Final = frozenset(name.encode() for name in ("", CURL_DEFAULT_TYPE, *NDJSON_TYPES))
"""The usual ways to write what `request` accepts as NDJSON."""

_READ: Final = frozenset({b"content-length", b"content-type", b"authorization"})
"""Headers that are read here, if they stand once."""

_TO_JUDGE: Final = frozenset(
    {b"content-encoding", b"transfer-encoding", b"expect", b"origin", b"sec-fetch-site"}
)
"""Headers that send a post the long way, which judges them."""


class _Post:
    """A post that may be small: its length, who sends it, its place, and its rows once taken."""

    __slots__ = ("decoded", "length", "place", "token_name")

    def __init__(self, length: int, token_name: str | None, place: Place) -> None:
        self.length = length
        self.token_name = token_name
        self.place = place
        self.decoded: Decoded | None = None


class SmallPosts:
    """Answers the small good posts of one stream. One per worker, used on one event loop."""

    def __init__(
        self,
        settings: IngestSettings,
        decoder: NdjsonDecoder,
        intake: Intake,
        admission: Admission,
        *,
        auth: BearerAuth,
        clock: Clock,
    ) -> None:
        limits = settings.limits
        self._settings = settings
        self._limits = limits
        # A line is no longer than the body that it is in.
        bounds = (_BODY_BYTES_MAX, limits.max_line_bytes, limits.max_ndjson_body_bytes)
        self._body_bytes_max = min(bound for bound in bounds if bound > 0)
        if settings.ack == "enqueued":
            self._body_bytes_max = 0
        self._decoder = decoder
        self._intake = intake
        self._admission = admission
        self._auth = auth
        self._clock = clock

    async def answered(self, scope: Scope, body: RequestBody, send: Send) -> bool:
        """Answer an NDJSON post whose rows are taken at once; False leaves its body unread."""
        post = self._admitted(scope, body)
        if post is None:
            return False
        with post.place as session:
            error = await self._taken_and_settled(post, body, session)
            if error is None and post.decoded is None:
                return False
        settlement, token_name = session.settlement, post.token_name
        if error is None and settlement.stored_rows == settlement.taken_rows:
            if token_name is not None:  # published together with the answer (`app.StreamApp`)
                self._intake.measures.tokens.add(token_name, settlement.stored_rows)
            rows, ack = settlement.stored_rows, self._settings.ack
            await send_good_answer(send, ack, rows, settlement.request_id)
            return True
        exchange = Exchange(self._settings, self._intake.measures, body, ndjson=True)
        exchange.request_id, exchange.token_name = settlement.request_id, token_name
        exchange.session = session
        if post.decoded is not None:
            exchange.summary.add(post.decoded)
        if error is None and settlement.failure is not None:
            error = client_error(settlement.failure)
        exchange.error, error = error, None
        await exchange.finish(send, self._clock)
        return True

    def _admitted(self, scope: Scope, body: RequestBody) -> "_Post | None":
        """Return a post that may be small and has a place; None where the long way has to judge."""
        head = self._head_of_small(scope)
        if head is None:
            return None
        length, authorization = head
        try:
            token_name = self._auth.holder_or_raise(authorization)
            if self._intake.refusal() is not None:
                return None
            holder = holder_of(scope, token_name)
            place = self._admission.admitted_or_raise(body, holder, new_request_id())
        except ClientError:
            return None
        return _Post(length, token_name, place)

    async def _taken_and_settled(
        self, post: "_Post", body: RequestBody, session: IntakeSession
    ) -> ClientError | None:
        """Take the rows, if they are taken at once, and wait for their end.

        Returns:
            What ended that, or None. `post.decoded` says whether rows were taken.
        """
        try:
            post.decoded = await self._rows_taken(body, post.length, session)
            if post.decoded is not None:
                session.end_of_rows()
                await until_settled(session.settlement, self._limits.settled_within_s)
        except ClientError as error:
            return error
        except Exception:  # noqa: BLE001  the border of a request: logged, answered, counted
            stream, request_id = self._settings.stream, session.settlement.request_id
            return fault_of_ours(request_facts(stream, request_id, post.token_name))
        return None

    def _head_of_small(self, scope: Scope) -> tuple[int, bytes] | None:
        """Return length and authorization of a post that may be small, None of others."""
        if scope["query_string"]:
            return None
        found: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            if name in _READ:
                if name in found:
                    return None
                found[name] = value
            elif name in _TO_JUDGE:
                return None
        length = found.get(b"content-length", b"")
        if found.get(b"content-type", b"") not in _TYPES or not length.isdigit():
            return None
        if int(length) > self._body_bytes_max:
            return None
        return int(length), found.get(b"authorization", b"")

    async def _rows_taken(
        self, body: RequestBody, length: int, session: IntakeSession
    ) -> Decoded | None:
        """Read the body and hand its rows over; None leaves it unread."""
        with body.deadline:
            content = await body.whole(length)
        if content is None:
            return None
        decoded = self._good_rows(content)
        if decoded is not None and session.try_submit(
            decoded.lines or decoded.rows, decoded.positions, decoded.size_bytes, decoded.days
        ):
            return decoded
        body.unread(content)
        return None

    def _good_rows(self, content: bytes) -> Decoded | None:
        """Return the rows of a body if each line is one, and they are within the limits."""
        block = LineBlock.of(content if content.endswith(b"\n") else content + b"\n", 1)
        if block.lines > BLOCK_LINES_MAX:
            return None
        limits = self._limits
        ts_end = latest_ts(self._clock.wall_ns(), limits.max_future_minutes)
        decoded = self._decoder.decode(block, ts_end=ts_end)
        rows = decoded.row_count
        if decoded.errors or not rows:
            return None
        over = limits.exceeded(decoded.line_count, rows, len(decoded.days))
        return decoded if over is None else None
