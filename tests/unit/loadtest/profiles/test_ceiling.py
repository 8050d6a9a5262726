"""The server that only counts: however a request is cut, its lines are counted once."""

import asyncio

import pytest
from loadtest.profiles.ceiling import CountingProtocol

REQUEST = b"POST /x HTTP/1.1\r\nContent-Length: 6\r\n\r\na\nb\nc\n"


class Written(asyncio.WriteTransport):
    def __init__(self) -> None:
        super().__init__()
        self.content = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.content += data


@pytest.mark.parametrize("size", [1, 5, 38, 40, 1000])
def test_lines_are_counted_once_however_the_request_is_cut(size: int) -> None:
    protocol, written = CountingProtocol(), Written()
    protocol.connection_made(written)
    for _ in range(2):
        for offset in range(0, len(REQUEST), size):
            protocol.data_received(REQUEST[offset : offset + size])
    assert written.content.count(b"HTTP/1.1 200 OK") == 2
    assert written.content.count(b'"accepted":3,') == 2
