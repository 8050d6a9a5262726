"""Thousands of clients in no hurry shut nobody out, cost little, and leave nothing behind."""

import statistics
import threading
from collections.abc import Iterator

import pytest
from tests.process.process_family import memory_mib, open_files, peak_memory_mib, worker_on
from tests.process.raw_http import NDJSON, Connection
from tests.process.running_service import Launch, MakeId, RunningService
from tests.process.sample_readings import reading_lines
from tests.process.slow_crowd import SlowCrowd
from tests.process.stored_tables import StoredTables, until

from utility_ts_analytics.clock import SystemClock

pytestmark = [pytest.mark.process, pytest.mark.questdb]

PATH = "/ingest/meter_usage/ndjson"
POSTS = 20
POST_S_MAX = 8.0
"""Three seconds until slow uploads give way, one `Retry-After`, and a busy machine."""

CROWD_MIB_MAX = 64
"""What 2,000 slow connections may add to a worker: 32 KiB each; measured are about 10."""

FILES_SLACK = 0


@pytest.fixture(scope="module")
def crowded(launch: Launch) -> Iterator[RunningService]:
    """A service whose second stream asks for a token."""
    with launch({"generation_output": {"source": {"auth_bearer_token": "right"}}}) as it:
        yield it


def seconds_to_200(service: RunningService, body: bytes) -> float:
    """Post as a client does, again after each 429; return how long it took altogether."""
    clock = SystemClock()
    began_s = clock.monotonic_s()
    while (answer := service.post_lines(body)).status == 429:
        threading.Event().wait(answer.retry_after_s)
        assert clock.monotonic_s() - began_s < POST_S_MAX, answer
    answer.accepted_all()
    return clock.monotonic_s() - began_s


def test_two_thousand_slow_connections_beside_normal_posts(
    crowded: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    body = reading_lines(meter_id, 10)
    crowded.post_lines(body).accepted_all()
    worker = worker_on(crowded.ports.meter_usage)
    files, memory = open_files(worker), memory_mib(worker)
    with SlowCrowd(
        crowded.ports.meter_usage, PATH, silent=600, half_head=200, head_only=600, trickling=600
    ) as crowd:
        assert crowd.refused_count == 0
        until(lambda: open_files(worker) > files + 900, "the crowd is there")
        took_s = sorted(seconds_to_200(crowded, body) for _ in range(POSTS))
        assert took_s[-1] < POST_S_MAX, took_s
        assert statistics.median(took_s) < 1.0, took_s
        assert peak_memory_mib(worker) < memory + CROWD_MIB_MAX
    until(lambda: open_files(worker) <= files + FILES_SLACK, "the connections are closed")
    assert tables.count_meter(meter_id) == 10
    assert crowded.post_lines(body).accepted_all().accepted == 10


def test_silent_connections_beyond_the_old_limit_are_no_obstacle(
    crowded: RunningService, make_id: MakeId
) -> None:
    with SlowCrowd(
        crowded.ports.meter_usage, PATH, silent=1500, half_head=0, head_only=0, trickling=0
    ):
        body = reading_lines(make_id("m"), 1)
        assert seconds_to_200(crowded, body) < 2.0


def test_refused_clients_that_stay_are_left_within_seconds(crowded: RunningService) -> None:
    """They are answered and closed by us, also those that go on sending or are silent."""
    port = crowded.ports.generation_output
    worker = worker_on(port)
    files, memory = open_files(worker), memory_mib(worker)
    path = "/ingest/generation_output/ndjson"
    with SlowCrowd(port, path, silent=0, half_head=0, head_only=500, trickling=500):
        until(lambda: open_files(worker) <= files + FILES_SLACK, "all are closed", timeout_s=10)
    assert peak_memory_mib(worker) < memory + CROWD_MIB_MAX


def test_slow_upload_that_gives_way_gets_its_408(launch: Launch, make_id: MakeId) -> None:
    head = {"content-type": NDJSON, "transfer-encoding": "chunked", "expect": "100-continue"}
    with launch({"meter_usage": {"source": {"max_concurrent_requests": 1}}}) as service:
        with Connection(service.ports.meter_usage) as slow:
            slow.send_head(PATH, head)
            assert slow.next_status() == 100
            assert service.post_lines(b"").status == 429
            assert seconds_to_200(service, reading_lines(make_id("m"), 1)) < POST_S_MAX
            problem = slow.answer().problem(408, "body-timeout")
        assert problem.accepted == 0
        assert "max_concurrent_requests" in problem.detail
