"""The row counts of a service: from `/metrics`, or `/status.json` where it has no metrics."""

import http.client
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import msgspec
from loadtest.processes import wait_until

STREAM = "meter_usage"
_TIMEOUT_S = 10.0
_AGREE_S = 0.8
_CALM_S = 0.3
"""No row may be in flight for so long: meanwhile, spools of dead workers are adopted."""
_SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class ServiceCounts:
    """Rows of one stream, all workers together, since the service began.

    Attributes:
        source: The path that was asked.
        stored: By any sink.
        failed: Given back to their senders.
        in_flight: Waiting or being sent.
        received: Lines that arrived; None if unknown.
        rejected: By reason; None if unknown.
        workers: Their process ids.
    """

    source: str
    stored: int
    failed: int
    in_flight: int
    received: int | None = None
    rejected: Mapping[str, int] | None = None
    workers: tuple[int, ...] = field(default=())


class _Worker(msgspec.Struct):
    pid: int
    state: str


class _Stream(msgspec.Struct):
    stored_rows: int
    failed_rows: int
    held_rows: int
    workers: list[_Worker]


class _InFlight(msgspec.Struct):
    in_flight_rows: int


class _InFlightStatus(msgspec.Struct):
    streams: dict[str, _InFlight]


class _Status(msgspec.Struct):
    streams: dict[str, _Stream]


def service_counts(host: str, port: int) -> ServiceCounts:
    """Ask the operations port.

    Raises:
        OSError: There is no answer.
        RuntimeError: The answer is not of such a service.
    """
    code, text = _get(host, port, "/status.json")
    try:
        stream = msgspec.json.decode(text, type=_Status).streams[STREAM]
    except (msgspec.DecodeError, KeyError) as error:
        raise RuntimeError(f"cannot read /status.json ({code}) of {host}:{port}: {error}") from None
    workers = tuple(sorted(worker.pid for worker in stream.workers if worker.state != "gone"))
    code, text = _get(host, port, "/metrics")
    if code == http.client.OK:
        return metrics_counts(text.decode(), workers)
    return ServiceCounts(
        source="/status.json",
        stored=stream.stored_rows,
        failed=stream.failed_rows,
        in_flight=stream.held_rows,
        workers=workers,
    )


def metrics_counts(text: str, workers: tuple[int, ...] = ()) -> ServiceCounts:
    """Read the counts from a Prometheus exposition; missing ones are 0."""
    totals: dict[str, int] = {}
    rejected: dict[str, int] = {}
    for name, labels_text, value in _SAMPLE.findall(text):
        labels = dict(_LABEL.findall(labels_text))
        if not name.startswith("ingestion_rows_") or labels.get("stream") != STREAM:
            continue
        rows = round(float(value))
        totals[name] = totals.get(name, 0) + rows
        if name == "ingestion_rows_rejected_total":
            reason = labels.get("reason", "")
            rejected[reason] = rejected.get(reason, 0) + rows
    return ServiceCounts(
        source="/metrics",
        stored=totals.get("ingestion_rows_stored_total", 0),
        failed=totals.get("ingestion_rows_failed_total", 0),
        in_flight=totals.get("ingestion_rows_in_flight", 0),
        received=totals.get("ingestion_rows_received_total", 0),
        rejected=rejected,
        workers=workers,
    )


def since(before: ServiceCounts, after: ServiceCounts) -> ServiceCounts:
    """Return the counts in between; `in_flight` and `workers` are those of `after`."""
    rejected = received = None
    if before.rejected is not None and after.rejected is not None:
        reasons = before.rejected.keys() | after.rejected.keys()
        rejected = {
            reason: rows
            for reason in sorted(reasons)
            if (rows := after.rejected.get(reason, 0) - before.rejected.get(reason, 0))
        }
    if before.received is not None and after.received is not None:
        received = after.received - before.received
    return ServiceCounts(
        source=after.source,
        stored=after.stored - before.stored,
        failed=after.failed - before.failed,
        in_flight=after.in_flight,
        received=received,
        rejected=rejected,
        workers=after.workers,
    )


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
        if (now == last and now.in_flight == 0) or time.monotonic() > end_s:
            return now
        last = now


def in_flight_rows(operations_port: int) -> int | None:
    """Return the rows of all streams in memory and in spools; None if the service does not say."""
    try:
        _, content = _get("127.0.0.1", operations_port, "/status.json")
        status = msgspec.json.decode(content, type=_InFlightStatus)
    except (OSError, http.client.HTTPException, msgspec.DecodeError):
        return None
    return sum(stream.in_flight_rows for stream in status.streams.values())


def wait_calm(operations_port: int, *, timeout_s: float) -> None:
    """Return once no row has been in flight for a moment.

    Raises:
        RuntimeError: Rows are in flight for too long.
    """
    calm_since_s = time.monotonic()

    def calm() -> bool:
        nonlocal calm_since_s
        if in_flight_rows(operations_port) != 0:
            calm_since_s = time.monotonic()
        return time.monotonic() - calm_since_s >= _CALM_S

    wait_until(calm, "no row is in flight in the service", timeout_s=timeout_s)


def _get(host: str, port: int, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
