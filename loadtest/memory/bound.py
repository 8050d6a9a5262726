"""The formula for the memory of one worker, as the documentation states it. Pure.

The configuration bounds every term. The weight of each unit was measured
(docs/decisions/0015) and is held by `python -m loadtest memory`.
"""

from dataclasses import dataclass

from loadtest.processes import MIB

KIB = 2**10

IDLE_MIB = 58.0
"""A worker that serves and does nothing."""
ROW_BYTES = 700
"""A full row of 185 bytes, as a record at the worst (600), with its line number and what the
allocator loses. As a line it takes 240, and most rows are lines from their arrival on
(docs/decisions/0039)."""
ROW_RESTORED_BYTES = 1_400
"""Of a batch that goes by pgwire or into the spool: records and their encoding."""
SEND_MIB = 8.0
"""A block being decoded, a payload being sent, the answers, memory kept by the allocator."""
REQUEST_KIB = 544.0
"""Of an upload that waits: a block, the bytes it was cut from, read buffers."""
GZIP_KIB = 176.0
"""On top of it: zlib's state and window, a piece of 64 KiB twice."""
ZSTD_KIB = 512.0
"""On top of it: the state of zstd, a window of up to 128 KiB, and a piece of output."""
WINDOW_BYTES_MAX = 8 * MIB
"""The largest that is let in (RFC 9659)."""
AHEAD_KIB = 128.0
"""Read of a compressed body in advance, during long work on earlier bytes."""
CONNECTION_KIB = 12.0
HEAD_KIB = 144.0
"""While a head comes in: 64 KiB, held twice while the buffer grows."""
ARRAY_FACTOR = 3.0
"""A complete array is held as bytes, as texts of its elements, and partly as rows."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The keys of one stream that bound its memory, with their defaults.

    Attributes:
        channel_capacity: Rows held, waiting or in flight.
        channel_capacity_bytes: The same in bytes, and once more for array bodies.
        batch_size: Rows of one send.
        max_concurrent_requests: Requests served at once.
        max_connections: Connections kept.
        max_line_bytes: Of one line.
        max_window_bytes: Of the windows of all zstd bodies.
    """

    channel_capacity: int = 50_000
    channel_capacity_bytes: int = 64 * MIB
    batch_size: int = 25_000
    max_concurrent_requests: int = 128
    max_connections: int = 4_096
    max_line_bytes: int = 1 * MIB
    max_window_bytes: int = 32 * MIB


@dataclass(frozen=True, slots=True)
class Load:
    """Simultaneous load by clients; the limits cap each number.

    Attributes:
        connections: Open, idle ones too.
        requests: Whose bodies are being read.
        gzip: How many of them are gzip.
        zstd: How many of them are zstd with the largest window.
        line_bytes: Of the longest line under construction in each request.
        heads: Heads that are not complete yet.
        array_bytes: Of all JSON array bodies together, decompressed.
        restored: Whether a batch goes by pgwire or into the spool, and so is made records again.
    """

    connections: int = 0
    requests: int = 0
    gzip: int = 0
    zstd: int = 0
    line_bytes: int = 0
    heads: int = 0
    array_bytes: int = 0
    restored: bool = False


def rows_mib(limits: Limits) -> float:
    """Return the memory of the rows of a full channel, waiting or in flight, MiB."""
    return limits.channel_capacity * ROW_BYTES / MIB


def bound_mib(limits: Limits, load: Load) -> float:
    """Return the most that one worker may have resident under `load`, MiB."""
    requests = min(load.requests, limits.max_concurrent_requests)
    gzip, zstd = min(load.gzip, requests), min(load.zstd, requests)
    # A line that grows is held twice when it is complete: as it came, and cut into a block.
    line_kib = 2 * min(load.line_bytes, limits.max_line_bytes) / KIB
    in_requests = requests * (REQUEST_KIB + line_kib) + gzip * GZIP_KIB + zstd * ZSTD_KIB
    in_requests += (gzip + zstd) * AHEAD_KIB
    # One window alone always fits.
    windows_max = max(limits.max_window_bytes, WINDOW_BYTES_MAX)
    windows = min(zstd * WINDOW_BYTES_MAX, windows_max) / MIB
    connections = min(load.connections, limits.max_connections)
    in_heads = min(load.heads, connections) * HEAD_KIB
    arrays = min(load.array_bytes, limits.channel_capacity_bytes) * ARRAY_FACTOR / MIB
    edges = (in_requests + connections * CONNECTION_KIB + in_heads) / KIB
    restored = limits.batch_size * ROW_RESTORED_BYTES / MIB if load.restored else 0.0
    return IDLE_MIB + SEND_MIB + rows_mib(limits) + edges + windows + arrays + restored
