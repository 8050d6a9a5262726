"""A port whose worker cannot accept is noticed by asking it, said by /readyz, and replaced."""

import pytest
from tests.certificates import Authority
from tests.process.half_open import half_open, limit_files
from tests.process.process_family import is_alive, open_files, worker_on
from tests.process.process_logs import wait_logged
from tests.process.raw_http import NDJSON
from tests.process.running_service import MakeId, RunningService, Section, StartService
from tests.process.sample_readings import expected_kwh, reading_lines
from tests.process.stored_tables import StoredTables, until
from tests.process.tls_http import post_tls

from utility_ts_analytics.clock import SystemClock

pytestmark = [pytest.mark.process, pytest.mark.questdb]

PATH = "/ingest/meter_usage/ndjson"
KILLED = "a worker takes no connections and is killed"
PLACES: Section = {"max_connections": 40, "max_concurrent_requests": 20}
WATCHED = {"worker_silent_s": 2}
FILES = 300


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("locked"))


@pytest.fixture(scope="module")
def tls(authority: Authority) -> Section:
    pair = authority.issue("server")
    return {"tls_cert_file": str(pair.cert), "tls_key_file": str(pair.key)}


def posted(service: RunningService, authority: Authority, body: bytes) -> int:
    context = authority.context()
    port = service.ports.meter_usage
    return post_tls(port, context, PATH, body, {"content-type": NDJSON}).status


def test_worker_without_descriptors_is_told_of_and_replaced(
    start_service: StartService,
    tables: StoredTables,
    make_id: MakeId,
    authority: Authority,
    tls: Section,
) -> None:
    service = start_service({"meter_usage": {"source": {**tls, **PLACES}}, "server": WATCHED})
    port = service.ports.meter_usage
    locked = worker_on(port)
    limit_files(locked, FILES)
    clock = SystemClock()
    with half_open(port, FILES + 100):
        until(lambda: open_files(locked) >= FILES - 1, "the descriptors are used up")
        began_s = clock.monotonic_s()
        until(lambda: "takes no connections" in service.unreadiness(), "/readyz says so")
        assert clock.monotonic_s() - began_s < 10
    [killed] = wait_logged(service, KILLED)
    assert (killed["stream"], killed["pid"]) == ("meter_usage", locked)
    assert "file descriptors" in str(killed["reason"])
    service.wait_ready()
    meter_id = make_id("m")
    assert posted(service, authority, reading_lines(meter_id, 50)) == 200
    assert not is_alive(locked)
    assert [row["kwh"] for row in tables.meter(meter_id)] == expected_kwh(50)
