"""Clients that take places and bring no readings: each sends a little now and then, for ever."""

import contextlib
import selectors
import socket
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from tests.process.raw_http import NDJSON

_CONNECT_TIMEOUT_S = 5.0
_STEP_S = 0.02
_BACK_STEPS = 50
"""Steps until one that was ended is back: a second, as `Retry-After` asks for."""


class UselessCrowd:
    """Uploads that go on until the end of their `with` block, and come back when they are ended.

    Args:
        port: Of the stream.
        path: Where the bodies go.
        make_drip: Makes what one upload sends in its chunks, one after the other: a generator's
            `__next__` for instance. Called once for each upload.
        count: Uploads at a time.
        pause_s: Between two chunks of one upload.
        headers: Of each, beside those of chunked NDJSON.
    """

    def __init__(
        self,
        port: int,
        path: str,
        make_drip: Callable[[], Callable[[], bytes]],
        *,
        count: int,
        pause_s: float = 0.5,
        headers: Mapping[str, str] = {},
    ) -> None:
        lines = {"host": "test", "content-type": NDJSON, "transfer-encoding": "chunked", **headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self._head = f"POST {path} HTTP/1.1\r\n{head}\r\n".encode()
        self._port = port
        self._make_drip = make_drip
        self._count = count
        self._turns = max(1, round(pause_s / _STEP_S))
        self._uploads: dict[socket.socket, Callable[[], bytes]] = {}
        self._back_at: list[int] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._drip_on)
        self.ended_count = 0

    def __enter__(self) -> Self:
        for _ in range(self._count):
            self._open()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()
        for one in self._uploads:
            one.close()

    def _open(self) -> None:
        one = socket.create_connection(("127.0.0.1", self._port), timeout=_CONNECT_TIMEOUT_S)
        one.sendall(self._head)
        self._uploads[one] = self._make_drip()

    def _drip_on(self) -> None:
        turn = 0
        while not self._over.wait(_STEP_S):
            turn += 1
            for number, (one, drip) in enumerate(list(self._uploads.items())):
                if (number + turn) % self._turns == 0:
                    data = drip()
                    with contextlib.suppress(OSError):
                        one.sendall(b"%x\r\n%b\r\n" % (len(data), data))
            self._leave_ended(turn)
            while self._back_at and self._back_at[0] <= turn:
                self._back_at.pop(0)
                self._open()

    def _leave_ended(self, turn: int) -> None:
        with selectors.DefaultSelector() as selector:
            for one in self._uploads:
                selector.register(one, selectors.EVENT_READ)
            readable = {key.fd for key, _ in selector.select(0)}
            ended = [one for one in self._uploads if one.fileno() in readable]
        for one in ended:
            del self._uploads[one]
            one.close()
            self.ended_count += 1
            self._back_at.append(turn + _BACK_STEPS)
