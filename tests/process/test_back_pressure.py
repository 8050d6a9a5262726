"""A database that stalls stops the reading of sockets, not the clients' patience or the memory."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from loadtest.faults.proxy import Proxy, ProxyThread
from tests.process.process_family import memory_mib, peak_memory_mib, worker_on
from tests.process.raw_http import NDJSON, Answer, Connection
from tests.process.running_service import (
    MakeId,
    QuestDBPorts,
    RunningService,
    Section,
    run_service,
)
from tests.process.sample_readings import expected_kwh, reading_lines
from tests.process.stored_tables import StoredTables, until

pytestmark = [pytest.mark.process, pytest.mark.questdb]

PATH = "/ingest/meter_usage/ndjson"
MIB = 1024 * 1024
UPLOADS = 16
BODY_MIB = 24
SENT_MIB_MAX = 12
"""What a blocked client has got rid of: mostly its own and our kernel's buffers, 3 to 6 MiB."""

ROWS_MAX = 20_000
MEMORY_MIB_MAX = 150
"""By the formula in docs/ARCHITECTURE.md: 20,000 rows of 1 KiB, two payloads of 16 MiB at most, and
for each upload a block of 128 KiB, decoded 1 MiB, and 0.75 MiB of HTTP buffers: 80 MiB; the rest is
what Python keeps after peaks."""


@dataclass(frozen=True, slots=True)
class GatedPorts:
    """A QuestDB whose HTTP port is reached through a proxy."""

    http_port: int
    ilp_port: int
    pg_uri: str


@pytest.fixture
def proxy(questdb: QuestDBPorts) -> Iterator[ProxyThread]:
    with ProxyThread("127.0.0.1", questdb.http_port) as proxy:
        yield proxy


def gated(questdb: QuestDBPorts, proxy: ProxyThread) -> GatedPorts:
    return GatedPorts(proxy.port, questdb.ilp_port, questdb.pg_uri)


class Upload:
    """One large body, admitted when this is made, and sent as fast as it is taken."""

    def __init__(self, service: RunningService, meter_id: str) -> None:
        self.sent_bytes = 0
        self._connection = service.connect()
        self._lines = reading_lines(meter_id, 5_000, step_s=1)
        self._length = len(self._lines) * (BODY_MIB * MIB // len(self._lines))
        head = {"content-type": NDJSON, "content-length": str(self._length)}
        self._connection.send_head(PATH, {**head, "expect": "100-continue"})
        assert self._connection.next_status() == 100

    def run(self) -> Answer:
        with self._connection as connection:
            while self.sent_bytes < self._length:
                at = self.sent_bytes % len(self._lines)
                piece = self._lines[at : at + 65_536]
                try:
                    connection.send(piece)
                except ConnectionError:
                    break
                self.sent_bytes += len(piece)
            return connection.answer()


def blocked(uploads: list[Upload]) -> bool:
    """Tell whether none of the uploads has got on for a while."""
    before = [upload.sent_bytes for upload in uploads]
    threading.Event().wait(0.7)
    return all(before) and before == [upload.sent_bytes for upload in uploads]


def test_stalled_database_blocks_senders_within_bounded_memory_and_ends_in_503(
    proxy: ProxyThread, questdb: QuestDBPorts, tables: StoredTables, tmp_path: Path, make_id: MakeId
) -> None:
    meter_ids = [make_id("m") for _ in range(UPLOADS)]
    settings: Section = {
        "source": {"channel_capacity": ROWS_MAX},
        "sink": {
            "batch_size": ROWS_MAX // 2,
            "fallback": "none",
            "max_retries": 0,
            "request_timeout_ms": 5_000,
            "delivery_timeout_ms": 6_000,
        },
    }
    with run_service(tmp_path, gated(questdb, proxy), {"meter_usage": settings}) as service:
        first = service.post_lines(reading_lines(make_id("m"), 5)).accepted_all()
        assert first.accepted == 5
        worker = worker_on(service.ports.meter_usage)
        memory = memory_mib(worker)
        proxy.do(Proxy.hold)
        uploads = [Upload(service, meter_id) for meter_id in meter_ids]
        with ThreadPoolExecutor(UPLOADS) as threads:
            answers = [threads.submit(upload.run) for upload in uploads]
            until(lambda: blocked(uploads), "every sender is blocked", timeout_s=1)
            assert not any(answer.done() for answer in answers)
            assert max(upload.sent_bytes for upload in uploads) < SENT_MIB_MAX * MIB
            # None is let in while there is no room, and is told so before its body is asked for.
            refused = service.post_lines(reading_lines(make_id("m"), 1))
            refused.problem(429, "overloaded")
            for answer in answers:
                problem = answer.result().problem(503, "sink-unavailable")
                assert (problem.retryable, problem.accepted) == (True, 0)
        assert peak_memory_mib(worker) < memory + MEMORY_MIB_MAX
        assert all(tables.count_meter(meter_id) == 0 for meter_id in meter_ids)

        proxy.do(Proxy.refuse)  # what was held is dropped, as by a broken network
        proxy.do(Proxy.mend)
        body = reading_lines(meter_ids[0], 20)
        until(lambda: service.post_lines(body).status == 200, "posts are taken again")
        assert [row["kwh"] for row in tables.meter(meter_ids[0])] == expected_kwh(20)


def test_accepted_rows_of_a_stalled_upload_are_stored_and_what_is_stored_is_its_beginning(
    proxy: ProxyThread, questdb: QuestDBPorts, tables: StoredTables, tmp_path: Path, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    sink = {
        "batch_size": 100,
        "fallback": "none",
        "max_retries": 0,
        "request_timeout_ms": 1_000,
        "delivery_timeout_ms": 1_500,
    }
    settings: Section = {"source": {"channel_capacity": 100}, "sink": sink}
    with run_service(tmp_path, gated(questdb, proxy), {"meter_usage": settings}) as service:
        with service.connect() as upload:
            upload.send_head(PATH, {"content-type": NDJSON, "transfer-encoding": "chunked"})
            lines = reading_lines(meter_id, 22_000, step_s=1).splitlines(keepends=True)
            upload.send_chunk(b"".join(lines[:2_500]))
            until(lambda: tables.count_meter(meter_id) > 0, "the first rows are stored")
            proxy.do(Proxy.hold)
            upload.send_chunk(b"".join(lines[2_500:]))
            upload.end_chunks()
            problem = upload.answer().problem(503, "sink-unavailable")
        proxy.do(Proxy.refuse)
        # Rows whose answer was held back are stored, though nobody could be told.
        stored = [row["kwh"] for row in tables.meter(meter_id)]
        assert 0 < problem.accepted <= len(stored) < 22_000
        assert stored == expected_kwh(len(stored))


def test_time_in_which_nothing_is_read_never_counts_against_the_client(
    proxy: ProxyThread, questdb: QuestDBPorts, tables: StoredTables, tmp_path: Path, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    source = {
        "channel_capacity": 5_000,
        "body_idle_timeout_ms": 300,
        "body_min_rate_bytes": 1_000_000,
    }
    settings: Section = {"source": source, "sink": {"batch_size": 5_000}}
    body = reading_lines(meter_id, 20_000)
    with run_service(tmp_path, gated(questdb, proxy), {"meter_usage": settings}) as service:
        proxy.do(Proxy.hold)
        with ThreadPoolExecutor(1) as threads, Connection(service.ports.meter_usage) as upload:
            upload.send_head(PATH, {"content-type": NDJSON, "content-length": str(len(body))})
            sending = threads.submit(upload.send, body)
            threading.Event().wait(1.5)  # five times what ends an idle body
            proxy.do(Proxy.mend)
            sending.result()
            assert upload.answer().accepted_all().accepted == 20_000
    assert tables.count_meter(meter_id) == 20_000
