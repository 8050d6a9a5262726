"""A load generator that costs little: bodies stay in a file and the kernel sends them from there.

Python only writes the heads and reads the answers, so that on a small machine nearly all of the
CPU is left to what is measured.
"""

import contextlib
import http.client
import socket
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_ANSWER_TIMEOUT_S = 120.0
_TOO_MANY = 429


@dataclass(frozen=True, slots=True)
class Body:
    """Whole lines of a file, sent as one request.

    Attributes:
        offset: Of the first byte in the file.
        size: Bytes, > 0.
        rows: Lines, > 0.
    """

    offset: int
    size: int
    rows: int


@dataclass(frozen=True, slots=True)
class Target:
    """Where and how the bodies go.

    Attributes:
        port: On the loopback address.
        path: With its leading slash.
        content_type: Of every body.
        chunk_bytes: Size of the chunks of a chunked body; 0 sends Content-Length instead.
        answer_timeout_s: Longest silence of the other end, seconds.
        content_encoding: Of every body; "" leaves that header out.
    """

    port: int
    path: str
    content_type: str
    chunk_bytes: int = 0
    answer_timeout_s: float = _ANSWER_TIMEOUT_S
    content_encoding: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one body.

    Attributes:
        body: What was sent.
        status: Of HTTP.
        content: The body of the answer.
        retry_after_s: What the answer asked to wait, seconds; 0 if it did not.
    """

    body: Body
    status: int
    content: bytes
    retry_after_s: int = 0


@dataclass(frozen=True, slots=True)
class PostedRun:
    """What came back for a whole file.

    Attributes:
        answers: One for each body, connection by connection.
        started_s: `time.monotonic()` when the connections were open and the first body began.
        elapsed_s: From then to the last answer.
        refusals: Times that a body was refused with 429 and sent again.
    """

    answers: Sequence[Answer]
    started_s: float
    elapsed_s: float
    refusals: int = 0


def split_bodies(path: Path, rows_per_body: int) -> list[Body]:
    """Cut a file of lines, each ended, into bodies of `rows_per_body` lines; the last may be less.

    Memory does not grow with the file.
    """
    bodies: list[Body] = []
    offset = size = rows = 0
    with path.open("rb") as lines:
        for line in lines:
            size += len(line)
            rows += 1
            if rows == rows_per_body:
                bodies.append(Body(offset, size, rows))
                offset, size, rows = offset + size, 0, 0
    if rows:
        bodies.append(Body(offset, size, rows))
    return bodies


def post_bodies(
    path: Path,
    bodies: Iterable[Body],
    target: Target,
    *,
    connections: int,
    patient: bool = False,
) -> PostedRun:
    """Post every body once, over so many connections at a time, each body as soon as one is free.

    An answer of any status is returned and not judged.

    Args:
        path: The file.
        bodies: Parts of it.
        target: Where they go.
        connections: Open at a time.
        patient: Whether a 429 is obeyed: its connection waits as long as it asks for, and the body
            goes again over whichever connection is free first. Otherwise nothing is sent twice.

    Raises:
        OSError: A connection was refused, or broke without an answer.
    """
    waiting = deque(bodies)
    refusals: list[Answer] = []
    with contextlib.ExitStack() as opened, ThreadPoolExecutor(connections) as threads:
        # Connecting is no part of what is measured.
        ends = [opened.enter_context(Connection(target)) for _ in range(connections)]
        started_s = time.monotonic()
        kept = refusals if patient else None
        shares = [threads.submit(_post_share, path, waiting, end, kept) for end in ends]
        answers = [answer for share in shares for answer in share.result()]
        return PostedRun(answers, started_s, time.monotonic() - started_s, len(refusals))


def _post_share(
    path: Path, waiting: deque[Body], connection: "Connection", refusals: list[Answer] | None
) -> list[Answer]:
    """Post on one connection until nothing is waiting; 429s go to `refusals`, if there is one."""
    answers: list[Answer] = []
    pause = threading.Event()
    with path.open("rb") as file:
        while True:
            try:
                body = waiting.popleft()
            except IndexError:
                return answers
            answer = connection.post(file, body)
            if refusals is not None and answer.status == _TOO_MANY:
                refusals.append(answer)
                waiting.append(body)
                pause.wait(answer.retry_after_s)
            else:
                answers.append(answer)


class Connection:
    """One kept-alive connection, opened again where the server closes it.

    Raises:
        OSError: Nobody listens there.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._socket: socket.socket | None = self._open()

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_error: object) -> None:
        if self._socket is not None:
            self._socket.close()

    def post(self, file: BinaryIO, body: Body) -> Answer:
        """Send one body and return its answer, also one that came before the body's end.

        Raises:
            OSError: The connection broke, or was silent for too long.
            http.client.HTTPException: What came is no whole answer. As after `OSError`, this
                connection is of no more use.
        """
        if self._socket is None:
            self._socket = self._open()
        # A server that answers early closes; its answer is still there to be read.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._send(self._socket, file, body)
        with http.client.HTTPResponse(self._socket, method="POST") as response:
            response.begin()
            wait_s = int(response.getheader("retry-after", "0"))
            answer = Answer(body, response.status, response.read(), wait_s)
            closes = response.will_close
        if closes:
            # Opened again when needed: who closed may be going away, and the answer counts.
            self._socket.close()
            self._socket = None
        return answer

    def _open(self) -> socket.socket:
        opened = socket.create_connection(
            ("127.0.0.1", self._target.port), self._target.answer_timeout_s
        )
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return opened

    def _send(self, end: socket.socket, file: BinaryIO, body: Body) -> None:
        target = self._target
        framing = "transfer-encoding: chunked"
        if not target.chunk_bytes:
            framing = f"content-length: {body.size}"
        if target.content_encoding:
            framing += f"\r\ncontent-encoding: {target.content_encoding}"
        end.sendall(
            f"POST {target.path} HTTP/1.1\r\nhost: 127.0.0.1:{target.port}\r\n"
            f"content-type: {target.content_type}\r\n{framing}\r\n\r\n".encode()
        )
        if not target.chunk_bytes:
            end.sendfile(file, body.offset, body.size)
            return
        behind = body.offset + body.size
        for offset in range(body.offset, behind, target.chunk_bytes):
            size = min(target.chunk_bytes, behind - offset)
            end.sendall(b"%x\r\n" % size)
            end.sendfile(file, offset, size)
            end.sendall(b"\r\n")
        end.sendall(b"0\r\n\r\n")
