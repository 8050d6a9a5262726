"""The HTTP client of all load tests but the locust profiles.

Bodies stay in a file and the kernel sends them from there; Python only writes the heads and reads
the answers. On a small machine nearly all of the CPU is left to what is measured.
"""

import contextlib
import http.client
import socket
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Self

from loadtest.readings import Body

PATH = "/ingest/meter_usage/ndjson"
CONTENT_TYPE = "application/x-ndjson"
_TOO_MANY = http.client.TOO_MANY_REQUESTS
_REFUSALS_MAX = 20_000
"""Of one run; more of them are no load any more."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where and how bodies go.

    Attributes:
        port: On the loopback address.
        chunk_bytes: Size of the chunks of a chunked body; 0 sends Content-Length.
        answer_timeout_s: Longest silence of the server, seconds.
        content_encoding: Empty leaves the header out.
    """

    port: int
    path: str = PATH
    content_type: str = CONTENT_TYPE
    chunk_bytes: int = 0
    answer_timeout_s: float = 120.0
    content_encoding: str = ""

    def head(self, framing: str) -> bytes:
        """Return the head of a request; `framing` is its last header, such as Content-Length."""
        encoding = f"content-encoding: {self.content_encoding}\r\n" if self.content_encoding else ""
        return (
            f"POST {self.path} HTTP/1.1\r\nhost: 127.0.0.1:{self.port}\r\n"
            f"content-type: {self.content_type}\r\n{encoding}{framing}\r\n\r\n"
        ).encode()


def questdb_target(http_port: int) -> Target:
    """Return QuestDB's own endpoint for ILP."""
    return Target(http_port, "/write", "text/plain")


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one body; `retry_after_s` is 0 where it does not ask for a wait.

    `taken_s` is from the first byte sent to the last one received.
    """

    body: Body
    status: int
    content: bytes
    retry_after_s: int = 0
    taken_s: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True)
class PostedRun:
    """The answers to all bodies of a run.

    Attributes:
        answers: One for each body, connection by connection.
        started_s: `time.monotonic()` when the connections were open and the first body began.
        elapsed_s: From then to the last answer.
        refusals: How often a body was refused with 429 and sent again.
    """

    answers: Sequence[Answer]
    started_s: float
    elapsed_s: float
    refusals: int = 0


class Connection:
    """One kept-alive connection, opened when needed and again after an error or a close."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._socket: socket.socket | None = None

    def __enter__(self) -> Self:
        self._opened()
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection, if it is open."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def post(self, file: BinaryIO, body: Body) -> Answer:
        """Send one body and return its answer, even if it comes before the end of the body.

        Raises:
            OSError: The connection was refused, broke, or was silent for too long.
            http.client.HTTPException: The answer is not a complete HTTP answer.
        """
        try:
            connected = self._opened()
            started_s = time.monotonic()
            # A server that answers early closes; its answer can still be read.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self._send(connected, file, body)
            with http.client.HTTPResponse(connected, method="POST") as response:
                response.begin()
                wait_s = int(response.getheader("retry-after", "0"))
                content = response.read()
                taken_s = time.monotonic() - started_s
                answer = Answer(body, response.status, content, wait_s, taken_s)
                closes = response.will_close
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        if closes:
            self.close()
        return answer

    def _opened(self) -> socket.socket:
        if self._socket is None:
            address = ("127.0.0.1", self._target.port)
            self._socket = socket.create_connection(address, self._target.answer_timeout_s)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._socket

    def _send(self, connected: socket.socket, file: BinaryIO, body: Body) -> None:
        chunk_bytes = self._target.chunk_bytes
        if not chunk_bytes:
            connected.sendall(self._target.head(f"content-length: {body.size}"))
            # `sendfile` falls back to reading where the file has no descriptor.
            connected.sendfile(file, body.offset, body.size)
            return
        connected.sendall(self._target.head("transfer-encoding: chunked"))
        end = body.offset + body.size
        for offset in range(body.offset, end, chunk_bytes):
            size = min(chunk_bytes, end - offset)
            connected.sendall(b"%x\r\n" % size)
            connected.sendfile(file, offset, size)
            connected.sendall(b"\r\n")
        connected.sendall(b"0\r\n\r\n")


def post_bodies(
    path: Path, bodies: Iterable[Body], target: Target, *, connections: int, patient: bool = False
) -> PostedRun:
    """Post every body once, each as soon as a connection is free. Answers are not judged.

    Args:
        path: The file that the bodies are parts of.
        bodies: In the order in which they are sent.
        target: Where they go.
        connections: Open at the same time.
        patient: Whether a body refused with 429, or by a closed connection, is sent again after the
            wait that it asks for.

    Raises:
        OSError: A connection was refused, or broke without an answer.
        RuntimeError: Patience came to its end.
    """
    waiting = deque(bodies)
    refusals: list[Answer] = []
    with contextlib.ExitStack() as opened, ThreadPoolExecutor(connections) as threads:
        # Connecting is not part of the measurement.
        ends = [opened.enter_context(Connection(target)) for _ in range(connections)]
        started_s = time.monotonic()
        kept = refusals if patient else None
        shares = [threads.submit(_post_share, path, waiting, end, kept) for end in ends]
        answers = [answer for share in shares for answer in share.result()]
        return PostedRun(answers, started_s, time.monotonic() - started_s, len(refusals))


def _post_share(
    path: Path, waiting: deque[Body], connection: Connection, refusals: list[Answer] | None
) -> list[Answer]:
    """Post on one connection until no body is waiting; 429s go to `refusals`, if there is one."""
    answers: list[Answer] = []
    with path.open("rb") as file:
        while True:
            try:
                body = waiting.popleft()
            except IndexError:
                return answers
            try:
                answer = connection.post(file, body)
            except ConnectionError as error:
                if refusals is None or isinstance(error, ConnectionRefusedError):
                    raise
                # Of many clients refused at once, some find the connection closed
                # (docs/decisions/0007).
                answer = Answer(body, _TOO_MANY, b"", retry_after_s=1)
            if refusals is not None and answer.status == _TOO_MANY:
                if len(refusals) == _REFUSALS_MAX:
                    raise RuntimeError(f"not admitted after {_REFUSALS_MAX} refusals")
                refusals.append(answer)
                waiting.append(body)
                threading.Event().wait(answer.retry_after_s)
            else:
                answers.append(answer)
