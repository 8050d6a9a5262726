"""Many clients in no hurry: silent, with half a head, without a body, or a byte at a time."""

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self

from tests.process.raw_http import NDJSON

CONNECT_TIMEOUT_S = 5.0
PAUSE_S = 0.25


class SlowCrowd:
    """Connections that hang around until the end of their `with` block.

    Args:
        port: Of the stream.
        path: Where the bodies go.
        silent: Connections on which nothing is sent.
        half_head: Those on which a head never ends.
        head_only: Those on which a body is announced and never starts.
        trickling: Those on which a body comes byte by byte, one every `PAUSE_S`, in a chunk each.
    """

    def __init__(
        self, port: int, path: str, *, silent: int, half_head: int, head_only: int, trickling: int
    ) -> None:
        self._port = port
        head = f"POST {path} HTTP/1.1\r\nhost: test\r\ncontent-type: {NDJSON}\r\n".encode()
        self._opening = [
            *[b""] * silent,
            *[head] * half_head,
            *[head + b"content-length: 1000\r\n\r\n"] * head_only,
        ]
        self._trickle_head = head + b"transfer-encoding: chunked\r\n\r\n"
        self._trickling_count = trickling
        self._sockets: list[socket.socket] = []
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self.refused_count = 0

    def __enter__(self) -> Self:
        trickling = [self._open(self._trickle_head) for _ in range(self._trickling_count)]
        for opening in self._opening:
            self._open(opening)
        self._thread = threading.Thread(target=self._trickle, args=(trickling,))
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()
        for one in self._sockets:
            one.close()

    def _open(self, opening: bytes) -> socket.socket:
        one = socket.socket()
        self._sockets.append(one)
        one.settimeout(CONNECT_TIMEOUT_S)
        try:
            one.connect(("127.0.0.1", self._port))
            one.sendall(opening)
        except OSError:
            self.refused_count += 1
        return one

    def _trickle(self, sockets: list[socket.socket]) -> None:
        while not self._over.wait(PAUSE_S):
            for one in sockets:
                with contextlib.suppress(OSError):
                    one.send(b"1\r\n{\r\n")
