"""A client that sends a large body without waiting is answered early, and gets that answer."""

from collections.abc import Iterator, Mapping

import pytest
from tests.process.process_family import memory_mib, peak_memory_mib, worker_on
from tests.process.raw_http import NDJSON, Connection, post
from tests.process.running_service import Launch, RunningService

pytestmark = [pytest.mark.process, pytest.mark.questdb]

TIMES = 30
MIB = 1024 * 1024
ROW = b'{"ts":"2024-01-01T00:00:00Z","meter_id":"early","kwh":1}\n'
BODY = (ROW * 20_000)[:MIB] * 24
TOKEN = {"authorization": "Bearer right"}
ARRAY_BYTES_MAX = 1_000_000


@pytest.fixture(scope="module")
def guarded(launch: Launch) -> Iterator[RunningService]:
    """A service with a token and one place for a request."""
    source = {
        "auth_bearer_token": "right",
        "max_concurrent_requests": 1,
        "max_body_bytes": ARRAY_BYTES_MAX,
        "max_line_bytes": 1_000,
        "body_min_rate_bytes": 0,
    }
    with launch({"meter_usage": {"source": source}}) as it:
        yield it


@pytest.mark.parametrize(
    ("status", "path", "headers"),
    [
        (401, "/ingest/meter_usage/ndjson", {"content-type": NDJSON}),
        (404, "/ingest/elsewhere", TOKEN),
        (413, "/ingest/meter_usage", TOKEN),
        (415, "/ingest/meter_usage/ndjson", {**TOKEN, "content-type": "text/csv"}),
        (429, "/ingest/meter_usage/ndjson", {**TOKEN, "content-type": NDJSON}),
    ],
)
def test_early_answer_to_a_large_body_arrives_every_time(
    status: int, path: str, headers: Mapping[str, str], guarded: RunningService
) -> None:
    port = guarded.ports.meter_usage
    worker = worker_on(port)
    memory = memory_mib(worker)
    with Connection(port) as holder:
        if status == 429:
            hold = {**TOKEN, "content-type": NDJSON, "transfer-encoding": "chunked"}
            holder.send_head("/ingest/meter_usage/ndjson", {**hold, "expect": "100-continue"})
            assert holder.next_status() == 100
            holder.send_chunk(ROW * 20)  # so that it does not give way
        statuses = [post(port, path, BODY, headers).status for _ in range(TIMES)]
    assert statuses == [status] * TIMES
    assert peak_memory_mib(worker) < memory + 30
