"""Tells from outside when a service has nothing on its way any more, in memory or spooled."""

import http.client
import time

import msgspec
from loadtest.faults.stage import wait_until

_TIMEOUT_S = 5.0
_STEADY_S = 0.3
"""So long nothing must be on its way: what a dead process left is taken over in between."""


class _Stream(msgspec.Struct):
    in_flight_rows: int


class _Status(msgspec.Struct):
    streams: dict[str, _Stream]


def in_flight_rows(operations_port: int) -> int | None:
    """Return how many rows the service has in memory and on its disk; None if it does not say."""
    connection = http.client.HTTPConnection("127.0.0.1", operations_port, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", "/status.json")
        content = connection.getresponse().read()
        status = msgspec.json.decode(content, type=_Status)
    except (OSError, http.client.HTTPException, msgspec.DecodeError):
        return None
    finally:
        connection.close()
    return sum(stream.in_flight_rows for stream in status.streams.values())


def wait_calm(operations_port: int, *, timeout_s: float) -> None:
    """Return once nothing has been on its way for a moment.

    Raises:
        RuntimeError: Something is, for too long.
    """
    steady_since_s = time.monotonic()

    def calm() -> bool:
        nonlocal steady_since_s
        if in_flight_rows(operations_port) != 0:
            steady_since_s = time.monotonic()
        return time.monotonic() - steady_since_s >= _STEADY_S

    wait_until(calm, "no row is on its way within the service", timeout_s=timeout_s)
