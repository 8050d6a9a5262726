"""Bodies that `loadtest.client` does not send: compressed, arrays, endless, unfinished."""

import contextlib
import gzip
import http.client
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import zstandard
from loadtest.client import Target
from loadtest.readings import Body

_TIMEOUT_S = 180.0
_WINDOW_LOG = 23
"""8 MiB, the largest that the service accepts."""


def compress_bodies(
    source: Path, bodies: Sequence[Body], target: Path, encoding: str
) -> list[Body]:
    """Write each body of `source` to `target`, compressed, and return where they are."""
    return _rewritten(source, bodies, target, _packer(encoding))


def array_bodies(source: Path, bodies: Sequence[Body], target: Path) -> list[Body]:
    """Write each body of `source` to `target` as a JSON array, and return where they are."""
    return _rewritten(
        source, bodies, target, lambda lines: b"[" + lines.rstrip(b"\n").replace(b"\n", b",") + b"]"
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


def post_repeated(port: int, lines: Path, bytes_min: int) -> tuple[int, int, bytes]:
    """Post one chunked body: a file over and over, until `bytes_min` bytes are sent.

    Returns:
        How many times the file was in it, and the answer's status and body.
    """
    size = lines.stat().st_size
    times = -(-bytes_min // size)
    with socket.create_connection(("127.0.0.1", port), _TIMEOUT_S) as end, lines.open("rb") as file:
        end.sendall(Target(port).head("transfer-encoding: chunked"))
        # A server that answers early stops reading; its answer can still be read.
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
    return Target(port).head("content-length: 99999999") + b'{"ts":"' + b"a" * (line_bytes - 7)


def unfinished_head(port: int, head_bytes: int) -> bytes:
    """Return the first `head_bytes` bytes of a head that does not end."""
    head = Target(port).head("x: ").removesuffix(b"\r\n\r\n")
    return head + b"a" * (head_bytes - len(head))


def _packer(encoding: str) -> Callable[[bytes], bytes]:
    if encoding == "gzip":
        return lambda data: gzip.compress(data, compresslevel=1)
    parameters = zstandard.ZstdCompressionParameters.from_level(
        1, window_log=_WINDOW_LOG, write_content_size=False
    )
    return zstandard.ZstdCompressor(compression_params=parameters).compress
