"""Broken and hostile HTTP: each shape has its answer, and none makes one request into two."""

import contextlib
import http.client
import socket
import time
from collections.abc import Iterator

import pytest
from tests.process.attack_watch import watched
from tests.process.raw_http import NDJSON
from tests.process.running_service import MakeId, RunningService
from tests.process.sample_readings import reading_lines

pytestmark = [pytest.mark.process, pytest.mark.questdb]

ANSWER_S = 10.0
SHAPES_MIB_MAX = 48
"""What the worker may have more than before at any time during all of the shapes."""

HEAD = (
    b"POST /ingest/meter_usage/ndjson?validate_only=true HTTP/1.1\r\n"
    b"host: t\r\ncontent-type: application/x-ndjson\r\n"
)
ROW = b'{"ts":"2024-01-01T00:00:00Z","meter_id":"smuggled","kwh":1}\n'
CHUNK = b"%x\r\n%b\r\n" % (len(ROW), ROW)
LAST = b"0\r\n\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"
SMUGGLED = b"POST /ingest/smuggled HTTP/1.1\r\nhost: t\r\ncontent-length: 0\r\n\r\n"
PROBE = b"GET /probe HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n"


def head(line: bytes, body: bytes = b"\n") -> bytes:
    return HEAD + line + b"\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


def length(line: bytes, body: bytes = b"\n\n\n\n\n") -> bytes:
    return HEAD + line + b"\r\n\r\n" + body


def coded(coding: bytes) -> bytes:
    return HEAD + b"transfer-encoding: " + coding + b"\r\n\r\n" + CHUNK + LAST


def aimed(target: bytes) -> bytes:
    return b"POST " + target + b" HTTP/1.1\r\nhost: t\r\ncontent-length: 1\r\n\r\n\n"


PATH = b"/ingest/meter_usage/ndjson"

# A shape, and the statuses of all that comes back before the end of the connection. Behind each a
# probe is sent: 404 at the end means that the connection went on and that nothing was left over.
SHAPES: dict[str, tuple[bytes, list[int]]] = {
    # Two ways to say where the body ends: chunks beat a length, and the connection is closed.
    "zero length and chunks": (
        HEAD + b"content-length: 0\r\ntransfer-encoding: chunked\r\n\r\n" + CHUNK + LAST,
        [200],
    ),
    "chunks and a length over them": (
        HEAD + b"transfer-encoding: chunked\r\ncontent-length: 400\r\n\r\n" + CHUNK + LAST,
        [200],
    ),
    "request hidden behind the chunks": (
        HEAD
        + b"content-length: %d\r\n" % (len(LAST) + len(SMUGGLED))
        + b"transfer-encoding: chunked\r\n\r\n"
        + LAST
        + SMUGGLED,
        [200],
    ),
    "request hidden behind a zero length": (
        HEAD + b"content-length: 0\r\ncontent-length: %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED,
        [400],
    ),
    "equal lengths": (length(b"content-length: 5\r\ncontent-length: 5"), [200, 404]),
    "lengths that differ": (length(b"content-length: 5\r\ncontent-length: 6"), [400]),
    "list of lengths": (length(b"content-length: 5, 5"), [400]),
    "signed length": (length(b"content-length: +5"), [400]),
    "negative length": (length(b"content-length: -5"), [400]),
    "hexadecimal length": (length(b"content-length: 0x5"), [400]),
    "length of 23 digits": (length(b"content-length: 99999999999999999999999"), [400]),
    "length of 64 bits": (length(b"content-length: 18446744073709551615"), [431]),
    "blank before the colon": (length(b"content-length : 5"), [400]),
    "unknown coding": (coded(b"xchunked"), [400]),
    "chunked twice": (coded(b"chunked, chunked"), [400, 404]),
    "gzip as a transfer coding": (coded(b"gzip, chunked"), [400, 404]),
    "chunked and not last": (coded(b"chunked, identity"), [400]),
    "two headers of codings": (coded(b"chunked\r\ntransfer-encoding: identity"), [400]),
    "vertical tab before chunked": (coded(b"\x0bchunked"), [400]),
    "chunks in HTTP/1.0": (coded(b"chunked").replace(b"HTTP/1.1", b"HTTP/1.0"), [400]),
    # Chunks.
    "chunk extensions": (
        CHUNKED + b"%x;a=b;c\r\n" % len(ROW) + ROW + b"\r\n0;d\r\n\r\n",
        [200, 404],
    ),
    "flood of chunk extensions": (
        CHUNKED + b"%x;" % len(ROW) + b"a" * 100_000 + b"\r\n" + ROW + b"\r\n" + LAST,
        [400],
    ),
    "chunk size of 68 bits": (CHUNKED + b"fffffffffffffffff\r\n" + ROW, [400]),
    "chunk size with 0x": (CHUNKED + b"0x5\r\n\n\n\n\n\n\r\n" + LAST, [400]),
    "chunk size with a sign": (CHUNKED + b"+5\r\n\n\n\n\n\n\r\n" + LAST, [400]),
    "chunk without a size": (CHUNKED + b"\r\n\n\n\n\n\n\r\n" + LAST, [400]),
    "chunks ended by LF": (CHUNKED + b"5\n\n\n\n\n\n\n0\n\n", [400]),
    "chunk size after zeros": (CHUNKED + b"00000005\r\n\n\n\n\n\n\r\n" + LAST, [200, 404]),
    "trailers": (CHUNKED + CHUNK + b"0\r\nauthorization: x\r\n\r\n", [200, 404]),
    "flood of trailers": (CHUNKED + CHUNK + b"0\r\n" + b"x-a: b\r\n" * 50_000 + b"\r\n", [400]),
    # Heads.
    "folded header": (head(b"x-a: b\r\n c"), [400]),
    "lines ended by LF": (head(b"x-a: b").replace(b"\r\n", b"\n"), [200, 404]),
    "bare CR": (head(b"x-a: b\rc: d"), [400]),
    "NUL in a header": (head(b"x-a: b\x00c"), [400]),
    "NUL in the token": (head(b"authorization: Bearer \x00"), [400]),
    "control bytes in a header": (head(b"x-a: b\x01\x7f"), [400]),
    "header that is not UTF-8": (head(b"x-a: \xff\xfe"), [200, 404]),
    "header without a name": (head(b": b"), [400]),
    "header without a colon": (head(b"xyz"), [400]),
    "blank in a name": (head(b"x a: b"), [400]),
    "101 headers": (head(b"\r\n".join(b"x-%d: a" % n for n in range(101))), [431]),
    "20,000 headers": (head(b"\r\n".join(b"x-%d: a" % n for n in range(20_000))), [431]),
    "header of 60 KiB": (head(b"x: " + b"a" * 61_440), [200, 404]),
    "header of 200 KiB": (head(b"x: " + b"a" * 204_800), [431]),
    "header of 3 MiB": (head(b"x: " + b"a" * 3_145_728), [431]),
    # Targets.
    "NUL in the path": (aimed(b"/ingest/meter_usage\x00/ndjson"), [400]),
    "escaped NUL in the path": (aimed(b"/ingest/meter_usage%00/ndjson"), [404, 404]),
    "path that is not UTF-8": (aimed(b"/ingest/\xff\xfe"), [400]),
    "escaped path that is not UTF-8": (aimed(b"/ingest/%ff%fe"), [404, 404]),
    "query that is not UTF-8": (aimed(PATH + b"?\xff=\xfe"), [400]),
    "escaped query that is not UTF-8": (aimed(PATH + b"?strict=%ff"), [400, 404]),
    "escaped NUL in the query": (aimed(PATH + b"?strict=true%00"), [400, 404]),
    "15,000 parameters": (aimed(PATH + b"?" + b"a&" * 15_000), [400, 404]),
    "path with dots": (aimed(b"/ingest/x/../meter_usage/ndjson"), [404, 404]),
    "target of 70 KB": (aimed(b"/" + b"a" * 70_000), [414]),
    "method of 100 KB": (b"A" * 100_000 + b" / HTTP/1.1\r\nhost: t\r\n\r\n", [404, 404]),
    # No HTTP/1.1 at all.
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", []),
    "HTTP/9.9": (b"POST / HTTP/9.9\r\nhost: t\r\n\r\n", [400]),
    "HTTP/0.9": (b"GET /\r\n\r\n", [400]),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)), [400]),
    "CONNECT": (b"CONNECT t:443 HTTP/1.1\r\nhost: t:443\r\n\r\n", [404, 404]),
    "WebSocket": (head(b"connection: upgrade\r\nupgrade: websocket"), [200, 404]),
    "HTTP/2 by upgrade": (head(b"connection: upgrade\r\nupgrade: h2c"), [200, 404]),
    # More than one request.
    "a thousand empty lines first": (b"\r\n" * 1000 + head(b"x-a: b"), [200, 404]),
    "garbage behind a request": (head(b"x-a: b") + b"\x00\x01garbage\r\n\r\n", [200, 400]),
    "a hundred requests at once": (head(b"x-a: b", ROW) * 100, [200] * 100 + [404]),
}


@pytest.fixture(scope="module")
def shaped(attacked: RunningService, make_id: MakeId) -> Iterator[RunningService]:
    """The service, watched over all shapes together: memory, process, and a neighbour's posts."""
    attacked.post_lines(reading_lines(make_id("m"), 10)).accepted_all()
    with watched(attacked, make_id("m"), added_mib_max=SHAPES_MIB_MAX):
        yield attacked


def statuses(port: int, data: bytes) -> list[int]:
    """Send bytes and return the status of every answer up to the end of the connection."""
    found: list[int] = []
    with socket.create_connection(("127.0.0.1", port), timeout=ANSWER_S) as connection:
        with contextlib.suppress(ConnectionError):  # refused before it was sent whole
            connection.sendall(data)
        with connection.makefile("rb") as incoming:
            while True:
                try:
                    line = incoming.readline()
                except ConnectionError:
                    return found
                if not line:
                    return found
                found.append(int(line.split(b" ")[1]))
                headers = http.client.parse_headers(incoming)
                incoming.read(int(headers.get("content-length", 0)))


@pytest.mark.parametrize("name", list(SHAPES))
def test_shape_has_its_answer_and_leaves_nothing_over(name: str, shaped: RunningService) -> None:
    data, expected = SHAPES[name]
    assert statuses(shaped.ports.meter_usage, data + PROBE) == expected


def test_chunk_that_claims_nine_exabytes_is_waited_for_and_not_made_room_for(
    attacked: RunningService, make_id: MakeId
) -> None:
    with watched(attacked, make_id("m"), added_mib_max=8), attacked.connect() as connection:
        connection.send(CHUNKED + b"7fffffffffffffff\r\n" + ROW)
        connection.answer().problem(408, "body-timeout")


FLOOD = 200
FLOOD_MIB_MAX = 32
"""200 heads of 60 KiB that never end: 12 MiB, held twice while the buffer grows, and slack."""


def test_flood_of_heads_that_never_end_is_bounded_and_delays_nobody(
    attacked: RunningService, make_id: MakeId
) -> None:
    opening = HEAD + b"x: " + b"a" * (60 * 1024)
    with (
        watched(attacked, make_id("m"), added_mib_max=FLOOD_MIB_MAX),
        contextlib.ExitStack() as crowd,
    ):
        for _ in range(FLOOD):
            crowd.enter_context(attacked.connect()).send(opening)
        body = reading_lines(make_id("m"), 10)
        for _ in range(20):
            attacked.post_lines(body).accepted_all()


def test_flood_of_heads_that_are_too_large_is_refused_one_by_one(
    attacked: RunningService, make_id: MakeId
) -> None:
    data = head(b"x: " + b"a" * 3_145_728)
    with watched(attacked, make_id("m"), added_mib_max=16):
        for _ in range(50):
            assert statuses(attacked.ports.meter_usage, data) == [431]


def test_requests_whose_answers_nobody_reads_are_not_read_for_ever(
    attacked: RunningService, make_id: MakeId
) -> None:
    """The client sends request after request: when its answers pile up, it is not read further."""
    batch = head(b"content-type-of: " + NDJSON.encode(), ROW) * 200
    sent_bytes = 0
    with (
        watched(attacked, make_id("m"), added_mib_max=16),
        socket.create_connection(("127.0.0.1", attacked.ports.meter_usage)) as connection,
    ):
        connection.settimeout(1.0)
        began_s = time.monotonic()
        with contextlib.suppress(TimeoutError):
            while time.monotonic() - began_s < ANSWER_S:
                sent_bytes += connection.send(batch)
            pytest.fail(f"still read after {sent_bytes} bytes and {ANSWER_S} s")
    assert sent_bytes > len(batch)
