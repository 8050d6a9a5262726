"""One stream's application against a real intake whose lane is a scripted consumer."""

import asyncio
import json
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from utility_ts_analytics.asgi.app import StreamApp
from utility_ts_analytics.asgi.auth import BearerAuth, HeldToken
from utility_ts_analytics.asgi.endpoint import IngestEndpoint
from utility_ts_analytics.asgi.protocol import Receive, Scope
from utility_ts_analytics.asgi.settings import Ack, IngestLimits, IngestSettings
from utility_ts_analytics.buffering.block import Failure
from utility_ts_analytics.buffering.intake import Intake
from utility_ts_analytics.buffering.queue import BlockQueue
from utility_ts_analytics.clock import ManualClock
from utility_ts_analytics.reading.ndjson import NdjsonDecoder
from utility_ts_analytics.records.streams import STREAMS
from utility_ts_analytics.records.validation import RowError
from utility_ts_analytics.sinks.ilp.text_blocks import json_encoder
from utility_ts_analytics.telemetry.measures import Measures

GOOD = '{"ts":"2024-01-01T00:%02d:00Z","meter_id":"m","kwh":1}\n'
BAD = '{"ts":"2024-01-01T00:00:00Z","meter_id":"m"}\n'
NDJSON, ARRAY = "/ingest/meter_usage/ndjson", "/ingest/meter_usage"


class NoLifecycle:
    """Nothing to run while the application serves."""

    async def startup(self) -> None: ...

    async def shutdown(self) -> None: ...


@dataclass
class Service:
    """One stream's application with a lane that does what `fate` says with every block.

    Attributes:
        connections: Of each request its `receive`, while anything holds it.
    """

    fate: str = "store"
    ack: Ack = "committed"
    strict: bool = False
    max_concurrent_requests: int = 4
    tokens: Sequence[str] = ()
    refusal: Failure | None = None
    max_request_records: int = 0
    max_request_errors: int = 0
    max_request_days: int = 0
    delivery_timeout_ms: int = 5_000
    body_idle_timeout_ms: int = 5_000
    rows_max: int = 100
    announced: int | None = None
    windows_held_bytes: int = 0
    stored: list[Any] = field(default_factory=list)
    measures: Measures = field(default_factory=lambda: Measures(token_names=["head-end", "other"]))
    connections: list["weakref.ref[Receive]"] = field(default_factory=list)

    def post(self, path: str, *chunks: str | bytes, **options: Any) -> tuple[int, Any]:
        """Return status and document of the answer; options as of `exchange`."""
        sent = asyncio.run(self.exchange(path, list(chunks), **options))
        return sent[0]["status"], json.loads(sent[1]["body"])

    async def exchange(
        self,
        path: str,
        chunks: list[str | bytes],
        *,
        query: str = "",
        method: str = "POST",
        cut: bool = False,
        silent: bool = False,
        token: str | None = None,
        encoding: str | None = None,
        whole: bool = False,
        headers: Sequence[tuple[bytes, bytes]] = (),
    ) -> list[Any]:
        """Post and return the messages of the answer.

        Args:
            path: Of the request.
            chunks: The body, a message each.
            query: Of the request.
            method: Of the request.
            cut: Whether the client leaves in place of the end.
            silent: Whether nothing comes in place of the end.
            token: For its authorization.
            encoding: Of its content.
            whole: Whether the body comes in one message, and its length before it.
            headers: Further ones, before all others.
        """
        queue = BlockQueue(rows_max=self.rows_max, bytes_max=10_000)
        consumer = asyncio.create_task(self._consume(queue))
        sent: list[Any] = []
        bodies = [chunk.encode() if isinstance(chunk, str) else chunk for chunk in chunks]
        if whole:
            bodies = [b"".join(bodies)]
        length = len(bodies[0]) if whole else self.announced

        async def receive() -> dict[str, Any]:
            if bodies:
                return {"type": "http.request", "body": bodies.pop(0), "more_body": True}
            if silent:
                await asyncio.Event().wait()
            if cut:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        self.connections.append(weakref.ref(receive))
        all_headers = [*headers, *_headers(token, encoding, length)]
        await self.app(queue)(_scope(path, method, query, all_headers), receive, send)
        consumer.cancel()
        assert queue.producers == 0
        return sent

    def silent_request(self, path: str) -> tuple[Receive, Scope]:
        """Return `receive` and `scope` of a post whose body does not come."""

        async def receive() -> dict[str, Any]:
            await asyncio.Event().wait()
            return {}

        return receive, _scope(path, "POST", "", _headers(None, None, self.announced))

    def app(self, queue: BlockQueue) -> StreamApp:
        """Return the application whose rows go into `queue`."""
        spec = STREAMS["meter_usage"]
        limits = IngestLimits(
            max_body_bytes=100_000,
            max_ndjson_body_bytes=0,
            max_decompressed_bytes=100_000,
            max_request_records=self.max_request_records,
            max_request_days=self.max_request_days,
            max_line_bytes=1_000,
            max_future_minutes=0,
            body_idle_timeout_ms=self.body_idle_timeout_ms,
            body_min_rate_bytes=0,
            delivery_timeout_ms=self.delivery_timeout_ms,
            max_request_errors=self.max_request_errors,
        )
        settings = IngestSettings("meter_usage", limits, self.strict, self.ack)
        intake = Intake(
            [queue],
            max_concurrent_requests=self.max_concurrent_requests,
            refusal=lambda: self.refusal,
            measures=self.measures,
        )
        endpoint = IngestEndpoint(
            settings,
            NdjsonDecoder(spec, spec.record_type, json_encoder(spec.name, spec, spec.record_type)),
            intake,
            BearerAuth([HeldToken("head-end", token) for token in self.tokens]),
            ManualClock(),
        )
        endpoint._windows.held_bytes = self.windows_held_bytes  # by requests of others
        return StreamApp("meter_usage", endpoint, NoLifecycle(), self.measures, ManualClock())

    async def _consume(self, queue: BlockQueue) -> None:
        while True:
            await queue.wait_changed()
            for block in queue.take(1000):
                rows = block.row_count
                if self.fate == "store":
                    self.stored += block.rows
                    block.settlement.store(rows)
                elif self.fate == "spool":
                    block.settlement.spool(rows)
                elif self.fate == "forget":
                    continue
                elif self.fate == "fail":
                    block.settlement.fail(rows, Failure("sink-unavailable", "away", 7))
                else:
                    for position in block.positions:
                        error = RowError(position, "sink-rejected", None, "no")
                        block.settlement.reject(error)
                queue.release(rows, block.size_bytes)


def _headers(
    token: str | None, encoding: str | None, length: int | None
) -> list[tuple[bytes, bytes]]:
    headers = [] if token is None else [(b"authorization", f"Bearer {token}".encode())]
    if encoding is not None:
        headers.append((b"content-encoding", encoding.encode()))
    if length is not None:
        headers.append((b"content-length", str(length).encode()))
    return headers


def _scope(path: str, method: str, query: str, headers: list[tuple[bytes, bytes]]) -> Scope:
    return {
        "type": "http",
        "path": path,
        "method": method,
        "headers": headers,
        "query_string": query.encode(),
    }
