"""The row counts of a service, as `/status.json` tells them."""

import http.client
import threading
import time
from collections.abc import Callable

import msgspec
from loadtest.processes import wait_until

STREAM = "meter_usage"
_TIMEOUT_S = 10.0
_AGREE_S = 0.8
_CALM_S = 0.3
"""No row may be in flight for so long: meanwhile, spools of dead workers are adopted."""


class Worker(msgspec.Struct, frozen=True):
    """A worker process; `state` is "gone" for a moment after its death."""

    pid: int
    state: str


class ServiceCounts(msgspec.Struct, frozen=True):
    """Rows of one stream, all workers together, since the service began.

    Attributes:
        stored_rows: By any sink.
        failed_rows: Given back to their senders.
        in_flight_rows: In memory and in spools.
        received_rows: Lines that arrived; None where the service does not say.
        rejected_by_reason: Those not 0; None where the service does not say.
        workers: Its processes.
    """

    stored_rows: int
    failed_rows: int
    in_flight_rows: int
    received_rows: int | None = None
    rejected_by_reason: dict[str, int] | None = None
    workers: tuple[Worker, ...] = ()

    @property
    def pids(self) -> list[int]:
        """The processes of the workers that live."""
        return sorted(worker.pid for worker in self.workers if worker.state != "gone")

    def since(self, before: "ServiceCounts") -> "ServiceCounts":
        """Return the counts since then; rows in flight and workers are those of now."""
        rejected, received = self.rejected_by_reason, self.received_rows
        if rejected is not None:
            earlier = before.rejected_by_reason or {}
            rejected = {
                reason: more
                for reason, rows in sorted(rejected.items())
                if (more := rows - earlier.get(reason, 0))
            }
        return msgspec.structs.replace(
            self,
            stored_rows=self.stored_rows - before.stored_rows,
            failed_rows=self.failed_rows - before.failed_rows,
            received_rows=None if received is None else received - (before.received_rows or 0),
            rejected_by_reason=rejected,
        )


class _Status(msgspec.Struct):
    streams: dict[str, ServiceCounts]


def all_counts(host: str, port: int) -> dict[str, ServiceCounts]:
    """Ask the operations port; return the counts of each stream.

    Raises:
        OSError: There is no answer.
        RuntimeError: The answer is not of such a service.
    """
    connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", "/status.json")
        streams = msgspec.json.decode(connection.getresponse().read(), type=_Status).streams
    except (msgspec.DecodeError, http.client.HTTPException) as error:
        raise RuntimeError(f"cannot read /status.json of {host}:{port}: {error}") from None
    finally:
        connection.close()
    if STREAM not in streams:
        raise RuntimeError(f"cannot read /status.json of {host}:{port}: it has no {STREAM}")
    return streams


def settled(
    ask: Callable[[], ServiceCounts], *, timeout_s: float = 10.0, agree_s: float = _AGREE_S
) -> ServiceCounts:
    """Ask until no row is in flight and two answers, `agree_s` apart, agree, or the time is up.

    Workers publish their counts twice a second, not with every row.
    """
    end_s = time.monotonic() + timeout_s
    last = ask()
    while True:
        threading.Event().wait(agree_s)
        now = ask()
        if (now == last and now.in_flight_rows == 0) or time.monotonic() > end_s:
            return now
        last = now


def wait_calm(operations_port: int, *, timeout_s: float) -> None:
    """Return once no row of any stream has been in flight for a moment.

    Raises:
        RuntimeError: Rows are in flight for too long.
    """
    calm_since_s = time.monotonic()

    def calm() -> bool:
        nonlocal calm_since_s
        try:
            counts = all_counts("127.0.0.1", operations_port).values()
            is_calm = not any(it.in_flight_rows for it in counts)
        except (OSError, RuntimeError):
            is_calm = False
        if not is_calm:
            calm_since_s = time.monotonic()
        return time.monotonic() - calm_since_s >= _CALM_S

    wait_until(calm, "no row is in flight in the service", timeout_s=timeout_s)
