"""An HTTP/1.1 client on raw sockets, for tests that stop, stall or break a request anywhere.

It leaves reading the answer to `http.client`; everything that is sent, the test decides.
"""

import http.client
import socket
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import msgspec

NDJSON = "application/x-ndjson"
JSON = "application/json"
ANSWER_TIMEOUT_S = 20.0


class ListedError(msgspec.Struct, frozen=True):
    """One entry of `errors`; exactly one of `line` and `index` is there."""

    code: str
    detail: str
    field: str | None = None
    line: int | None = None
    index: int | None = None


class Summary(msgspec.Struct, frozen=True):
    """The body of a 200, with every member that the contract names."""

    accepted: int
    parse_errors: int
    rejected: int
    ack: str
    request_id: str
    errors: list[ListedError]
    errors_truncated: bool


class _Listing(msgspec.Struct, frozen=True):
    errors: list[ListedError]


class Problem(msgspec.Struct, frozen=True):
    """An RFC 9457 document, with every member that the contract names."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    retryable: bool
    accepted: int
    request_id: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One response, read whole. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def summary(self) -> Summary:
        """Return the counts and errors of a 200 or a 422."""
        return msgspec.json.decode(self.body, type=Summary)

    def accepted_all(self) -> Summary:
        """Return the summary of a 200 that names no bad line."""
        assert self.status == 200, self
        assert self.headers["content-type"] == JSON
        summary = self.summary()
        assert (summary.parse_errors, summary.rejected, summary.errors) == (0, 0, []), self
        return summary

    def listed_errors(self) -> list[ListedError]:
        """Return the errors of any answer that lists some."""
        return msgspec.json.decode(self.body, type=_Listing).errors

    def problem(self, status: int, code: str) -> Problem:
        """Return the problem document, which must be of this status and code."""
        assert self.status == status, self
        assert self.headers["content-type"] == "application/problem+json", self
        problem = msgspec.json.decode(self.body, type=Problem)
        assert (problem.status, problem.code) == (status, code), self
        return problem

    @property
    def retry_after_s(self) -> int:
        """The whole seconds of `Retry-After`, which must be there."""
        return int(self.headers["retry-after"])


class Connection:
    """One TCP connection to the service; closed at the end of its `with` block."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=ANSWER_TIMEOUT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        """Send these bytes as they are."""
        self._socket.sendall(data)

    def send_head(self, path: str, headers: Mapping[str, str], method: str = "POST") -> None:
        """Send the request line and exactly these headers after `Host`."""
        lines = [f"{method} {path} HTTP/1.1", "host: localhost"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    def send_chunk(self, data: bytes) -> None:
        """Send one chunk; an empty one would end the body, so it must not be empty."""
        assert data
        self.send(b"%x\r\n%b\r\n" % (len(data), data))

    def end_chunks(self) -> None:
        """Send the last chunk."""
        self.send(b"0\r\n\r\n")

    def half_close(self) -> None:
        """Say that nothing more will be sent; the answer can still be read."""
        self._socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Break the connection at once (RST)."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def next_status(self) -> int:
        """Return the status of what comes next, an interim 100 included, without taking it."""
        while True:
            seen = self._socket.recv(64, socket.MSG_PEEK)
            if not seen:
                raise ConnectionResetError
            if b"\r\n" in seen:
                return int(seen.split(b" ", 2)[1])

    def answer(self, method: str = "POST") -> Answer:
        """Return the final response, interim ones skipped."""
        with http.client.HTTPResponse(self._socket, method=method) as response:
            response.begin()
            headers = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, headers, response.read())

    def answer_or_closed(self) -> Answer | None:
        """Return the final response, or None where the server closed without one."""
        try:
            return self.answer()
        except (ConnectionError, http.client.HTTPException):
            return None


def ask(port: int, path: str, *, method: str = "GET", headers: Mapping[str, str] = {}) -> Answer:
    """Send one request without a body."""
    with Connection(port) as connection:
        connection.send_head(path, headers, method)
        return connection.answer(method)


def post(port: int, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Post a body with its Content-Length."""
    with Connection(port) as connection:
        connection.send_head(path, {**headers, "content-length": str(len(body))})
        connection.send(body)
        return connection.answer()


def post_chunks(
    port: int, path: str, chunks: Iterable[bytes], headers: Mapping[str, str]
) -> Answer:
    """Post a body in exactly these chunks, none of them empty."""
    with Connection(port) as connection:
        connection.send_head(path, {**headers, "transfer-encoding": "chunked"})
        for chunk in chunks:
            connection.send_chunk(chunk)
        connection.end_chunks()
        return connection.answer()


def json_lines(records: Sequence[Mapping[str, object]]) -> bytes:
    """Return the records as NDJSON, each line ended."""
    return b"".join(msgspec.json.encode(record) + b"\n" for record in records)
