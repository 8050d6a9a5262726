"""A port whose worker cannot accept is noticed by asking it, said by /readyz, and replaced."""

import asyncio
import contextlib
import itertools
import os
import signal
import ssl
import threading

import pytest
from tests.certificates import Authority
from tests.process.half_open import half_open, limit_files
from tests.process.process_family import descendants, is_alive, listeners, open_files, worker_on
from tests.process.process_logs import logged, wait_logged
from tests.process.raw_http import NDJSON, Connection
from tests.process.running_service import (
    MakeId,
    QuestDBPorts,
    RunningService,
    Section,
    StartService,
    write_config,
)
from tests.process.sample_readings import expected_kwh, reading_lines
from tests.process.stored_tables import StoredTables, until
from tests.process.tls_http import TlsConnection, post_tls

from utility_ts_analytics.clock import SystemClock
from utility_ts_analytics.service.listeners.connection_limits import CROWD
from utility_ts_analytics.service.listeners.ports import answers
from utility_ts_analytics.service.plans import Listener

pytestmark = [pytest.mark.process, pytest.mark.questdb]

PATH = "/ingest/meter_usage/ndjson"
RELOADED = "the configuration was reloaded"
STUCK = "takes no connections"
KILLED = "a worker takes no connections and is killed"
PLACES: Section = {"max_connections": 40, "max_concurrent_requests": 20}
WATCHED = {"worker_silent_s": 2}
FILES = 300
READYZ_S_MAX = 10.0
KILL_AFTER_S = 5.0
HANDSHAKES_S_MAX = 8.0
"""Three seconds that each may have, and a busy machine; Granian's own time-out is 10 s."""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("locked"))


@pytest.fixture(scope="module")
def tls(authority: Authority) -> Section:
    pair = authority.issue("server")
    return {"tls_cert_file": str(pair.cert), "tls_key_file": str(pair.key)}


def post(
    service: RunningService, context: ssl.SSLContext, body: bytes, *, stream: str = "meter_usage"
) -> int:
    path = f"/ingest/{stream}/ndjson"
    return post_tls(service.ports.of(stream), context, path, body, {"content-type": NDJSON}).status


def workers_on(port: int) -> list[int]:
    return sorted(pid for pid in listeners(port) if not descendants(pid))


def test_tls_worker_without_descriptors_is_told_of_and_replaced(
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
        until(lambda: STUCK in service.unreadiness(), "/readyz says so")
        assert clock.monotonic_s() - began_s < READYZ_S_MAX
    [killed] = wait_logged(service, KILLED)
    assert (killed["stream"], killed["pid"]) == ("meter_usage", locked)
    assert "file descriptors" in str(killed["reason"])
    service.wait_ready()
    meter_id = make_id("m")
    assert post(service, authority.context(), reading_lines(meter_id, 50)) == 200
    assert not is_alive(locked)
    assert [row["kwh"] for row in tables.meter(meter_id)] == expected_kwh(50)


def test_of_two_workers_that_want_certificates_only_the_locked_one_is_replaced(
    start_service: StartService, make_id: MakeId, authority: Authority, tls: Section
) -> None:
    asking = {**tls, **PLACES, "tls_client_ca_file": str(authority.pair.cert), "workers": 2}
    service = start_service({"meter_usage": {"source": asking}, "server": WATCHED})
    port = service.ports.meter_usage
    asked = Listener("x", "127.0.0.1", port)
    # Without a certificate, and with it refused, the port is alive all the same.
    assert all(asyncio.run(answers(asked, tls=True, timeout_s=5)) for _ in range(10))
    locked, other = workers_on(port)
    limit_files(locked, FILES)
    with half_open(port, 3 * FILES):
        [killed] = wait_logged(service, KILLED)
    assert killed["pid"] == locked
    service.wait_ready()
    assert is_alive(other)
    context, client = authority.context(), authority.issue("client")
    context.load_cert_chain(client.cert, client.key)
    body = reading_lines(make_id("m"), 1)
    assert [post(service, context, body) for _ in range(10)] == [200] * 10
    assert len(logged(service, KILLED)) == 1


@pytest.mark.parametrize("begun", [False, True])
def test_unfinished_handshakes_are_bounded_and_posts_go_on(
    start_service: StartService, make_id: MakeId, authority: Authority, tls: Section, *, begun: bool
) -> None:
    service = start_service({"meter_usage": {"source": {**tls, **PLACES}}, "server": WATCHED})
    worker = worker_on(service.ports.meter_usage)
    files = open_files(worker)
    clock, body, context = SystemClock(), reading_lines(make_id("m"), 10), authority.context()
    began_s = clock.monotonic_s()
    with half_open(service.ports.meter_usage, 900, begun=begun):
        until(lambda: open_files(worker) > files + 2 * CROWD, "the crowd is there")
        while open_files(worker) > files + CROWD + 10:
            assert post(service, context, body) == 200
        assert clock.monotonic_s() - began_s < HANDSHAKES_S_MAX
    assert post(service, context, body) == 200
    assert (worker_on(service.ports.meter_usage), service.unreadiness()) == (worker, "")


@pytest.mark.parametrize("secured", [False, True])
def test_worker_that_is_full_by_design_is_left_alone(
    start_service: StartService,
    make_id: MakeId,
    authority: Authority,
    tls: Section,
    *,
    secured: bool,
) -> None:
    tokens = ["a-token-of-one-client", "a-token-of-another"]  # one alone gets not all places
    places = {"max_connections": 40, "max_concurrent_requests": 39, "auth_bearer_tokens": tokens}
    service = start_service(
        {"meter_usage": {"source": {**places, **(tls if secured else {})}}, "server": WATCHED}
    )
    port, body = service.ports.meter_usage, reading_lines(make_id("m"), 1)
    worker = worker_on(port)
    with contextlib.ExitStack() as held:
        uploads = [
            held.enter_context(
                TlsConnection(port, authority.context()) if secured else Connection(port)
            )
            for _ in range(39)
        ]
        for upload, token in zip(uploads, itertools.cycle(tokens), strict=False):
            headers = {"content-type": NDJSON, "transfer-encoding": "chunked"}
            upload.send_head(PATH, {**headers, "authorization": f"Bearer {token}"})
            upload.send_chunk(body)
        held.enter_context(half_open(port, 60))  # one takes the last place, the others wait
        threading.Event().wait(KILL_AFTER_S + 5)
        assert service.unreadiness() == ""
        for upload in uploads:
            upload.send_chunk(body)
            upload.end_chunks()
        assert [upload.answer().accepted_all().accepted for upload in uploads] == [2] * 39
    assert logged(service, KILLED) == []
    assert worker_on(port) == worker


def test_operations_worker_without_descriptors_is_replaced(
    start_service: StartService, questdb: QuestDBPorts, authority: Authority, tls: Section
) -> None:
    service = start_service({"server": WATCHED})
    metrics = {"metrics": tls, "server": WATCHED}
    write_config(service.config, questdb, service.ports, metrics)
    service.process.send_signal(signal.SIGHUP)
    port = service.ports.operations

    def serves() -> bool:
        with contextlib.suppress(OSError), TlsConnection(port, authority.context()) as connection:
            connection.send_head("/readyz", {}, "GET")
            return connection.answer("GET").status == 200
        return False

    until(serves, "the operations port speaks TLS")
    until(lambda: len(workers_on(port)) == 1, "the old generation has gone")
    locked = worker_on(port)
    limit_files(locked, FILES)
    with half_open(port, FILES + 100):
        until(lambda: open_files(locked) >= FILES - 1, "the descriptors are used up")
    until(lambda: not is_alive(locked), "it ends")
    until(serves, "another one serves")
    assert service.terminate() == 0


def test_unresponsive_worker_is_reported_and_left_if_it_recovers(
    start_service: StartService,
) -> None:
    service = start_service({})
    worker = worker_on(service.ports.generation_output)
    os.kill(worker, signal.SIGSTOP)
    clock = SystemClock()
    began_s = clock.monotonic_s()
    until(lambda: STUCK in service.unreadiness(), "/readyz says so")
    assert clock.monotonic_s() - began_s < READYZ_S_MAX
    os.kill(worker, signal.SIGCONT)
    service.wait_ready()
    assert worker_on(service.ports.generation_output) == worker
    for _ in range(2):
        reloaded = len(logged(service, RELOADED))
        service.process.send_signal(signal.SIGHUP)
        wait_logged(service, RELOADED, reloaded + 1)
        threading.Event().wait(3)  # a few rounds of questions beside two generations, and after
    assert service.output().count(STUCK) == 1
    assert service.terminate() == 0
