"""The two ways to carry ILP: HTTP, which is acknowledged, and TCP, which is not."""

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol

from questdb import QuestDBError, Sender, _client

from utility_ts_analytics.sinks.contract import Delivered, InDoubt, Outcome, RetryLater
from utility_ts_analytics.sinks.ilp.outcomes import outcome_of

if TYPE_CHECKING:
    from questdb._client import Buffer

BUFFER_BYTES = 8 * 1024 * 1024
"""Initial capacity of a payload: 25,000 full rows take 5.7 MB. Untouched pages cost nothing."""

BUFFER_BYTES_MAX = 1024 * 1024 * 1024
"""The client refuses to send more; far above what `BatchLimits` lets through."""


# A lane near its deadline makes senders with short time-outs on purpose. Where warnings are errors
# the client's advice against many senders would make that fail.
_client.WARN_HIGH_RECONNECTS = False


class Transport(Protocol):
    """Carries one buffer at a time to one server."""

    def new_buffer(self) -> "Buffer":
        """Return an empty buffer of the right protocol version. No I/O."""
        ...

    async def send(self, buffer: "Buffer", *, timeout_s: float) -> Outcome:
        """Send the whole buffer, leaving it as it is; see `Sink.send`."""
        ...

    async def close(self) -> None:
        """Release connections and threads. Idempotent."""
        ...


class HttpTransport:
    """ILP over HTTP: `Delivered` means committed to the table's write-ahead log.

    The client blocks but releases the GIL, so it runs in a thread of its own. The server's time-out
    is the client's own, so that no flush outlives the call that waits for it; only a cancelled call
    leaves one behind, for at most its time-out, and `close` waits for that.

    Args:
        addr: `host:port` of QuestDB's HTTP server.
        timeout_s: Longest request, seconds; a call may ask for less.
        credentials: User and password for basic authentication, or None.
    """

    def __init__(
        self, addr: str, *, timeout_s: float, credentials: tuple[str, str] | None = None
    ) -> None:
        self._addr = addr
        self._timeout_s = timeout_s
        self._credentials = credentials
        self._sender = _http_sender(addr, timeout_s, credentials)
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="ilp")
        self._closed = False

    def new_buffer(self) -> "Buffer":
        """Return an empty buffer with room for a whole batch."""
        return self._sender.new_buffer()

    async def send(self, buffer: "Buffer", *, timeout_s: float) -> Outcome:
        """POST the buffer to `/write`; see `Sink.send`."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, self._flush, buffer, timeout_s)

    async def close(self) -> None:
        """Wait for a flush that is still running, then drop the connection."""
        if self._closed:
            return
        self._closed = True
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._executor, self._sender.close, False)
        self._executor.shutdown(wait=False)

    def _flush(self, buffer: "Buffer", timeout_s: float) -> Outcome:
        try:
            if timeout_s >= self._timeout_s:
                self._sender.flush(buffer, clear=False)
            else:
                # The time-out belongs to the sender. Less time than usual is given only at the end
                # of a failing delivery and where a failed way is tried again, so that another
                # connection (0.4 ms) does not matter.
                hasty = _http_sender(self._addr, timeout_s, self._credentials)
                try:
                    hasty.flush(buffer, clear=False)
                finally:
                    hasty.close(flush=False)
        except QuestDBError as error:
            return outcome_of(error)
        return Delivered()


def _http_sender(addr: str, timeout_s: float, credentials: tuple[str, str] | None = None) -> Sender:
    """Return a sender that is ready, without having connected.

    A fixed protocol version saves the request that would ask for it, so that this works while the
    server is away; 2 has binary floats. No time is added for large bodies (throughput 0), and the
    client's own retries are off: `sinks.delivery` bounds them.
    """
    timeout_ms = max(1, int(timeout_s * 1000))
    login = ""
    if credentials is not None:
        # A semicolon ends a value; doubled, it stands for itself.
        user, password = (text.replace(";", ";;") for text in credentials)
        login = f"username={user};password={password};"
    sender = Sender.from_conf(
        f"http::addr={addr};auto_flush=off;protocol_version=2;retry_timeout=0;{login}"
        f"request_timeout={timeout_ms};request_min_throughput=0;"
        f"init_buf_size={BUFFER_BYTES};max_buf_size={BUFFER_BYTES_MAX};"
    )
    sender.establish()  # type: ignore[no-untyped-call]  # the client's stub lacks the annotation
    return sender


class TcpTransport:
    """ILP over TCP: `Delivered` means handed to this machine's kernel, and nothing more.

    The server never answers. It commits by a timer, drops the connection at a line it refuses
    (what came after that line is lost without a word), and a broken connection shows at a later
    send. For rows whose loss does not matter.

    Args:
        addr: `host:port` of QuestDB's ILP/TCP server.
    """

    def __init__(self, addr: str) -> None:
        host, _, port = addr.rpartition(":")
        self._host = host.strip("[]")
        self._port = int(port)
        # Buffers come from a sender; an HTTP one needs no connection, and the lines are the same.
        self._buffers = _http_sender(addr, 1.0)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    def new_buffer(self) -> "Buffer":
        """Return an empty buffer with room for a whole batch."""
        return self._buffers.new_buffer()

    async def send(self, buffer: "Buffer", *, timeout_s: float) -> Outcome:
        """Write the buffer to the connection, making one first if there is none."""
        deadline_s = asyncio.get_running_loop().time() + timeout_s
        try:
            async with asyncio.timeout_at(deadline_s):
                writer = await self._writer()
        except OSError as error:  # a TimeoutError is one too
            return RetryLater(f"cannot connect to QuestDB over TCP: {_cause(error)}")
        sent = False
        try:
            async with asyncio.timeout_at(deadline_s):
                writer.write(bytes(buffer))
                await writer.drain()
            sent = True
        except OSError as error:
            return InDoubt(f"cannot write to QuestDB over TCP: {_cause(error)}")
        finally:
            if not sent:  # half a line may be on its way: nothing may follow it
                self._drop()
        return Delivered()

    async def close(self) -> None:
        """Close the connection once the kernel has taken what was sent."""
        self._buffers.close(flush=False)
        if self._streams is not None:
            _, writer = self._streams
            self._streams = None
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _writer(self) -> asyncio.StreamWriter:
        """Return the open connection, or a new one if the server has closed it."""
        if self._streams is not None:
            reader, writer = self._streams
            if not (reader.at_eof() or reader.exception() is not None or writer.is_closing()):
                return writer
            self._drop()
        reader, writer = await asyncio.open_connection(self._host, self._port)
        # `drain` returns when no more than this is left in the process: nothing.
        writer.transport.set_write_buffer_limits(high=0)
        self._streams = (reader, writer)
        return writer

    def _drop(self) -> None:
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None


def _cause(error: OSError) -> str:
    return "it took too long" if isinstance(error, TimeoutError) else str(error)
