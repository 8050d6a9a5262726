"""A TCP proxy that breaks connections on purpose: refuses, cuts, slows, half-closes, holds.

`Proxy` runs on the caller's event loop; `ProxyThread` runs one in a thread of its own.
"""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Literal, Self

Direction = Literal["up", "down"]
"""Up is towards the server, down is towards the client."""

_READ_BYTES = 64 * 1024
_COMMAND_TIMEOUT_S = 10.0
_STEPS_PER_S = 20
"""How finely a throttled line is dosed."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Close both ends of a connection after an exact number of bytes in one direction.

    `reset` closes them by a reset instead of an orderly end of the stream.
    """

    direction: Direction
    after_bytes: int
    reset: bool = True


@dataclass(eq=False, slots=True)
class _Line:
    """One connection and its continuation to the server."""

    ends: tuple[asyncio.StreamWriter, asyncio.StreamWriter]
    cut: Cut | None
    passed_bytes: dict[Direction, int] = field(default_factory=lambda: {"up": 0, "down": 0})
    closed: set[Direction] = field(default_factory=set)
    ended: set[Direction] = field(default_factory=set)

    def sink(self, direction: Direction) -> asyncio.StreamWriter:
        """Return the end that bytes of this direction are written to."""
        return self.ends[1] if direction == "up" else self.ends[0]

    def source(self, direction: Direction) -> asyncio.StreamWriter:
        """Return the end that bytes of this direction come from."""
        return self.sink("down" if direction == "up" else "up")

    def arm(self, cut: Cut | None) -> None:
        """Count from now."""
        self.cut = cut
        self.passed_bytes = {"up": 0, "down": 0}

    def left_bytes(self, direction: Direction) -> int | None:
        """Return how much may still pass in this direction, or None for all."""
        if self.cut is None or self.cut.direction != direction:
            return None
        return self.cut.after_bytes - self.passed_bytes[direction]

    def close(self, *, reset: bool) -> None:
        """Close both ends; twice does no harm."""
        for end in self.ends:
            connected = end.get_extra_info("socket")
            if reset and connected is not None and connected.fileno() >= 0:
                # Without lingering, the kernel says RST and not FIN.
                linger = struct.pack("ii", 1, 0)
                connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            end.transport.abort()


class Proxy:
    """Carries bytes between clients and one server until told otherwise. One event loop.

    `port`, on 127.0.0.1, is known after the first `mend` and kept.
    """

    def __init__(self, host: str, port: int) -> None:
        self.port = 0
        self.connections_count = 0
        self.answered_bytes = 0
        self._target = (host, port)
        self._guard: socket.socket | None = None
        self._listener: asyncio.Server | None = None
        self._passing = asyncio.Event()
        self._choose_cut: Callable[[], Cut | None] = _never
        self._delay_s = 0.0
        self._rate_bytes_per_s = 0
        self._lines: set[_Line] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def mend(self) -> None:
        """Accept connections and pass everything, also held bytes; what is closed stays closed."""
        self._choose_cut, self._delay_s, self._rate_bytes_per_s = _never, 0.0, 0
        for line in self._lines:
            line.arm(None)
        self._passing.set()
        if self._listener is None:
            self._listener = await asyncio.start_server(self._serve, sock=self._socket())

    def hold(self) -> None:
        """Keep every byte, and the end of every stream, from now on. Connections stay open.

        Bytes of a sender that resets its connection meanwhile are dropped, as its kernel does.
        """
        self._passing.clear()

    def slow_down(self, *, delay_s: float = 0.0, rate_bytes_per_s: int = 0) -> None:
        """Delay each piece, and bound the rate per connection and direction; 0 sets no bound."""
        self._delay_s, self._rate_bytes_per_s = delay_s, rate_bytes_per_s

    def cut_after(self, choose: Callable[[], Cut | None]) -> None:
        """Cut every open and future connection where `choose` says; None spares one."""
        self._choose_cut = choose
        for line in self._lines:
            line.arm(choose())

    def half_close(self, direction: Direction) -> None:
        """End one direction of every open connection; later bytes of it are dropped."""
        for line in self._lines:
            line.closed.add(direction)
            _end_stream(line.sink(direction))

    def cut(self) -> None:
        """Reset every open connection; new ones are taken."""
        for line in list(self._lines):
            line.close(reset=True)

    async def refuse(self) -> None:
        """Reset every connection and refuse new ones; the port stays reserved."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        self.cut()

    async def close(self) -> None:
        """End everything and give the port back. Idempotent."""
        await self.refuse()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._guard is not None:
            self._guard.close()
            self._guard = None

    def _socket(self) -> socket.socket:
        """Return a new socket on our port, which another one keeps while none listens."""
        if self._guard is None:
            self._guard = _bound(0)
            self.port = int(self._guard.getsockname()[1])
        return _bound(self.port)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections_count += 1
        try:
            there, there_writer = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        line = _Line((writer, there_writer), self._choose_cut())
        self._lines.add(line)
        for end in line.ends:
            # So that `drain` waits until the kernel has every byte: a cut counts exactly.
            end.transport.set_write_buffer_limits(0)
        self._start(self._carry(line, "up", reader))
        self._start(self._carry(line, "down", there))

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, line: _Line, direction: Direction, source: asyncio.StreamReader) -> None:
        """Pass one direction until it ends; the end is passed on as well."""
        sink = line.sink(direction)
        try:
            while data := await source.read(_READ_BYTES):
                await asyncio.sleep(self._delay_s)
                await self._pass(line, direction, data)
            await self._passing.wait()
            _end_stream(sink)
        except OSError:
            line.close(reset=True)
        line.ended.add(direction)
        if len(line.ended) == len(line.ends):
            line.close(reset=False)
            self._lines.discard(line)

    async def _pass(self, line: _Line, direction: Direction, data: bytes) -> None:
        sink = line.sink(direction)
        while data:
            await self._passing.wait()
            if _was_reset(line.source(direction)):
                # A kernel that has sent RST sends none of the held bytes.
                line.close(reset=True)
                raise ConnectionAbortedError
            rate = self._rate_bytes_per_s
            piece = data[: max(1, rate // _STEPS_PER_S)] if rate else data
            left = line.left_bytes(direction)
            if left is not None:
                piece = piece[:left]
            if direction not in line.closed:
                sink.write(piece)
                await sink.drain()
                self.answered_bytes += len(piece) if direction == "down" else 0
            line.passed_bytes[direction] += len(piece)
            data = data[len(piece) :]
            if line.cut is not None and line.left_bytes(direction) == 0:
                line.close(reset=line.cut.reset)
                raise ConnectionAbortedError
            if rate:
                await asyncio.sleep(len(piece) / rate)


class ProxyThread:
    """One `Proxy` in a thread of its own. Use as a context manager; any thread may ask."""

    def __init__(self, host: str, port: int) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._proxy = Proxy(host, port)

    @property
    def port(self) -> int:
        """On 127.0.0.1; the same for as long as this lives."""
        return self._proxy.port

    @property
    def connections_count(self) -> int:
        """Accepted so far."""
        return self._proxy.connections_count

    @property
    def answered_bytes(self) -> int:
        """Passed down so far."""
        return self._proxy.answered_bytes

    def do(self, fault: Callable[[Proxy], object]) -> None:
        """Do something to the proxy and return once it is done: `do(Proxy.refuse)`."""

        async def act() -> None:
            done = fault(self._proxy)
            if isinstance(done, Awaitable):
                await done

        asyncio.run_coroutine_threadsafe(act(), self._loop).result(_COMMAND_TIMEOUT_S)

    def half_close(self, direction: Direction) -> None:
        """End one direction of every open connection."""
        self.do(lambda proxy: proxy.half_close(direction))

    def __enter__(self) -> Self:
        self._thread.start()
        self.do(Proxy.mend)
        return self

    def __exit__(self, *_error: object) -> None:
        self.do(Proxy.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_COMMAND_TIMEOUT_S)
        self._loop.close()


def _never() -> Cut | None:
    return None


def _bound(port: int) -> socket.socket:
    """Return a socket bound to a port of 127.0.0.1 that others may bind as well."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind(("127.0.0.1", port))
    return made


def _end_stream(end: asyncio.StreamWriter) -> None:
    """Tell the other end that nothing more comes; does nothing where it is gone."""
    with contextlib.suppress(OSError, RuntimeError):
        if not end.transport.is_closing():
            end.write_eof()


def _was_reset(end: asyncio.StreamWriter) -> bool:
    """Tell whether the other end has reset the connection; the kernel tells it once."""
    connected = end.get_extra_info("socket")
    if connected is None or connected.fileno() < 0:
        return True
    return bool(connected.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
