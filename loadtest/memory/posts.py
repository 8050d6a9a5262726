"""Bodies that `posting` does not know: endless, compressed, arrays, and such as never end."""

import contextlib
import gzip
import http.client
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import zstandard
from loadtest.meter_posts import CONTENT_TYPE, PATH
from loadtest.posting import Answer, Body, Connection, Target

_TIMEOUT_S = 180.0
_WINDOW_LOG = 23
"""8 MiB, the largest that the service lets in."""


def compress_bodies(
    source: Path, bodies: Sequence[Body], target: Path, encoding: str
) -> list[Body]:
    """Write each body of `source` to `target`, compressed, and return where they are.

    Args:
        source: A file of lines.
        bodies: Parts of it.
        target: Written anew.
        encoding: "gzip", or "zstd" with a window of 8 MiB where the body is as large.
    """
    return _rewritten(source, bodies, target, _packer(encoding))


def array_bodies(source: Path, bodies: Sequence[Body], target: Path) -> list[Body]:
    """Write each body of `source` to `target` as a JSON array, and return where they are."""
    return _rewritten(
        source,
        bodies,
        target,
        lambda lines: b"[" + lines.rstrip(b"\n").replace(b"\n", b",") + b"]",
    )


def _rewritten(
    source: Path, bodies: Sequence[Body], target: Path, rewrite: Callable[[bytes], bytes]
) -> list[Body]:
    found = []
    offset = 0
    with source.open("rb") as lines, target.open("wb") as out:
        for body in bodies:
            lines.seek(body.offset)
            data = rewrite(lines.read(body.size))
            out.write(data)
            found.append(Body(offset, len(data), body.rows))
            offset += len(data)
    return found


def post_until(lines: Path, body: Body, target: Target, *, attempts_max: int = 100) -> Answer:
    """Post one body, as often as it is refused with 429, and return the last answer.

    Where more than 64 clients are refused at once, some find the connection closed instead of the
    429 (docs/decisions/0007): they come back as well.
    """
    pause = threading.Event()
    for attempt in range(attempts_max):
        try:
            with Connection(target) as connection, lines.open("rb") as file:
                answer = connection.post(file, body)
        except ConnectionError:
            if attempt + 1 == attempts_max:
                raise
        else:
            if answer.status != http.client.TOO_MANY_REQUESTS:
                return answer
        pause.wait(1.0)
    raise RuntimeError(f"no place in {attempts_max} attempts")


def post_repeated(port: int, lines: Path, bytes_min: int) -> tuple[int, int, bytes]:
    """Post one chunked body: a file over and over, until `bytes_min` bytes are sent.

    Returns:
        How many times the file was in it, and the answer's status and body.
    """
    size = lines.stat().st_size
    times = -(-bytes_min // size)
    with socket.create_connection(("127.0.0.1", port), _TIMEOUT_S) as end, lines.open("rb") as file:
        end.sendall(_head(port, "transfer-encoding: chunked"))
        # One that answers early stops reading; what it says is still there.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for _ in range(times):
                end.sendall(b"%x\r\n" % size)
                end.sendfile(file, 0, size)
                end.sendall(b"\r\n")
            end.sendall(b"0\r\n\r\n")
        with http.client.HTTPResponse(end, method="POST") as response:
            response.begin()
            return times, response.status, response.read()


@contextlib.contextmanager
def held_open(port: int, opening: bytes, count: int) -> Iterator[None]:
    """Send the same bytes over `count` connections, and keep these open for a `with` block."""
    with contextlib.ExitStack() as opened:
        for _ in range(count):
            end = socket.create_connection(("127.0.0.1", port), _TIMEOUT_S)
            opened.enter_context(end)
            end.settimeout(_TIMEOUT_S)
            with contextlib.suppress(ConnectionError):  # refused before it was sent whole
                end.sendall(opening)
        yield


def unfinished_line(port: int, line_bytes: int) -> bytes:
    """Return a request whose first line has so many bytes and does not end."""
    return _head(port, "content-length: 99999999") + b'{"ts":"' + b"a" * (line_bytes - 7)


def unfinished_head(port: int, head_bytes: int) -> bytes:
    """Return the first `head_bytes` bytes of a head that does not end."""
    head = _head(port, "x: ").removesuffix(b"\r\n\r\n")
    return head + b"a" * (head_bytes - len(head))


def until(done: Callable[[], bool], timeout_s: float) -> None:
    """Return once `done` says so, or after `timeout_s` seconds."""
    pause = threading.Event()
    for _ in range(int(timeout_s / 0.1)):
        if done():
            return
        pause.wait(0.1)


def _packer(encoding: str) -> Callable[[bytes], bytes]:
    if encoding == "gzip":
        return lambda data: gzip.compress(data, compresslevel=1)
    parameters = zstandard.ZstdCompressionParameters.from_level(
        1, window_log=_WINDOW_LOG, write_content_size=False
    )
    return zstandard.ZstdCompressor(compression_params=parameters).compress


def _head(port: int, line: str) -> bytes:
    return (
        f"POST {PATH} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n"
        f"content-type: {CONTENT_TYPE}\r\n{line}\r\n\r\n"
    ).encode()
