"""How much load locust itself can make: the same posts to a server that only counts lines.

    python -m loadtest.profiles.ceiling [NAME...] [--seconds N]

Posts follow each other on every connection. What comes out is the limit of the generator with the
other core left to the server; a profile that asks for less than half of it measures the service.
"""

import argparse
import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from loadtest.profiles.catalogue import PROFILES
from loadtest.profiles.figures import Figures, figures_of
from loadtest.profiles.journal import read_journal
from loadtest.profiles.memory import MACHINE, MemoryWatch
from loadtest.profiles.place import Place
from loadtest.profiles.play import Order, run_locust

_HEAD_END = b"\r\n\r\n"
_MEASURED = ("steady", "trickle")


class CountingProtocol(asyncio.Protocol):
    """Answers every request with the number of its lines as accepted. Content-Length only."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._missing = 0
        self._lines = 0
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where answers go."""
        if isinstance(transport, asyncio.WriteTransport):
            self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Take what came; answer if it was the end of a body."""
        if self._missing == 0:
            self._held += data
            head, end, data = bytes(self._held).partition(_HEAD_END)
            if not end:
                return
            self._held.clear()
            self._missing = int(head.lower().partition(b"content-length:")[2].split()[0])
            self._lines = 0
        self._lines += data.count(b"\n")
        self._missing -= len(data)
        if self._missing == 0 and self._transport is not None:
            content = (
                f'{{"accepted":{self._lines},"parse_errors":0,"rejected":0,"ack":"committed",'
                '"errors":[]}'
            )
            head_text = f"HTTP/1.1 200 OK\r\ncontent-length: {len(content)}\r\n\r\n"
            self._transport.write((head_text + content).encode())


async def serve() -> None:
    """Serve on a free port, print it, and go on until stdin ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(CountingProtocol, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


def measure(name: str, seconds: int) -> tuple[Figures, float]:
    """Return what came back, and the CPU that locust took, in cores."""
    order = Order(replace(PROFILES[name], rate=0.0), seconds)
    with (
        tempfile.TemporaryDirectory(prefix="ceiling-") as directory,
        subprocess.Popen(
            [sys.executable, "-m", "loadtest.profiles.ceiling", "--serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as server,
        MemoryWatch({}, {}) as watch,
    ):
        if server.stdout is None or server.stdin is None:
            raise AssertionError("both are pipes")
        port = int(server.stdout.readline())
        journal = Path(directory) / "journal.jsonl"
        place = Place("127.0.0.1", port, port, port)
        run_locust(order, place, watch, run="LTceil", journal=journal)
        server.stdin.close()
        figures = figures_of(read_journal(journal))
    [track] = [one for one in watch.tracks.values() if one.name != MACHINE]
    return figures, track.cores(figures.started_s, figures.started_s + figures.elapsed_s)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 1 if an answer was wrong, which makes the figure worthless."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.profiles.ceiling")
    parser.add_argument("names", nargs="*", metavar="NAME", help="(steady trickle)")
    parser.add_argument("--seconds", type=int, default=10, metavar="N", help="of each (10)")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.serve:
        asyncio.run(serve())
        return 0
    errors = 0
    for name in options.names or _MEASURED:
        figures, cores = measure(name, options.seconds)
        errors += figures.errors
        print(
            f"{name}: {figures.posts / figures.elapsed_s:,.0f} posts/s,"
            f" {figures.rows_per_s:,.0f} rows/s, {figures.mb_per_s:,.0f} MB/s,"
            f" {figures.errors} wrong answers; locust took {cores:.2f} cores"
        )
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
