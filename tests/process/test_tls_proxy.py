"""Through a real Caddy with the project's Caddyfile, everything is as it is without it."""

import gzip
import json
import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
import pytest
import zstandard
from tests.process.caddy_proxy import CaddyProxy, run_caddy
from tests.process.process_family import memory_mib, peak_memory_mib, worker_on
from tests.process.raw_http import JSON, NDJSON, Answer
from tests.process.running_service import Launch, MakeId, RunningService
from tests.process.sample_readings import expected_kwh, reading_lines, readings
from tests.process.stored_tables import StoredTables, until
from tests.process.tls_http import TlsConnection, post_tls, post_tls_chunks, send_until_full

pytestmark = [pytest.mark.process, pytest.mark.questdb]

METER, ARRAY = "/ingest/meter_usage/ndjson", "/ingest/meter_usage"
HELD = "proxied-4d1e"
BEARER = {"authorization": f"Bearer {HELD}"}
HEAD = {**BEARER, "content-type": NDJSON}
MIB = 1024 * 1024
TIMES = 4
BLANK_LINE = b" " * 65_535 + b"\n"
BIG = (b'{"ts":"2024-01-01T00:00:00Z","meter_id":"early","kwh":1}\n' * 20_000)[:MIB] * 24


@pytest.fixture(scope="module")
def behind(launch: Launch) -> Iterator[RunningService]:
    """The service behind the proxy; its first stream has a token."""
    with launch({"meter_usage": {"source": {"auth_named_tokens": [f"fleet:{HELD}"]}}}) as it:
        yield it


@pytest.fixture(scope="module")
def proxy(behind: RunningService, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CaddyProxy]:
    with run_caddy(tmp_path_factory.mktemp("caddy"), behind.ports) as running:
        yield running


def post(proxy: CaddyProxy, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    return post_tls(proxy.port, proxy.context(), path, body, headers)


def connect(proxy: CaddyProxy) -> TlsConnection:
    return TlsConnection(proxy.port, proxy.context())


def test_both_streams_and_both_forms_by_path(
    proxy: CaddyProxy, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id, array_id, plant_id = make_id("m"), make_id("m"), make_id("p")
    plant = {"ts": "2024-01-01T00:00:00Z", "plant_id": plant_id, "mw": 1}
    array = msgspec.json.encode(readings(array_id, 2))
    posts = [
        post(proxy, METER, reading_lines(meter_id, 3), HEAD),
        post(proxy, ARRAY, array, {**BEARER, "content-type": JSON}),
        post(proxy, "/ingest/generation_output/ndjson", msgspec.json.encode(plant), {}),
        post(proxy, "/ingest/generation_output", msgspec.json.encode([plant]), {}),
    ]
    assert [answer.accepted_all().accepted for answer in posts] == [3, 2, 1, 1]
    assert (tables.count_meter(meter_id), tables.count_meter(array_id)) == (3, 2)
    assert len(tables.plant(plant_id)) == 1


@pytest.mark.parametrize("path", ["/", "/metrics", "/status.json", "/ingest/other", f"{METER}/x"])
def test_nothing_else_is_let_through(path: str, proxy: CaddyProxy) -> None:
    answer = post(proxy, path, b"", HEAD)
    assert (answer.status, answer.body) == (404, b"")


def test_first_rows_are_stored_while_the_upload_is_open(
    proxy: CaddyProxy, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    body = reading_lines(meter_id, 6_000, step_s=1)
    cut = body.index(b"\n", len(body) // 2) + 1
    with connect(proxy) as upload:
        upload.send_head(METER, {**HEAD, "transfer-encoding": "chunked"})
        upload.send_chunk(body[:cut])
        until(lambda: tables.count_meter(meter_id) > 1_000, "rows of the first half are stored")
        upload.send_chunk(body[cut:])
        upload.end_chunks()
        assert upload.answer().accepted_all().accepted == 6_000
    assert [row["kwh"] for row in tables.meter(meter_id)] == expected_kwh(6_000)


@pytest.mark.parametrize(
    ("path", "headers", "status", "code"),
    [
        (METER, {"content-length": "100"}, 401, "unauthorized"),
        (METER, {**BEARER, "content-length": "1", "content-encoding": "br"}, 415, None),
        (ARRAY, {**BEARER, "content-type": JSON, "content-length": "99999999"}, 413, None),
        (METER, {"transfer-encoding": "chunked"}, 401, None),
    ],
)
def test_refusal_comes_before_the_body_is_asked_for(
    path: str, headers: Mapping[str, str], status: int, code: str | None, proxy: CaddyProxy
) -> None:
    with connect(proxy) as waiting:
        waiting.send_head(path, {"content-type": NDJSON, "expect": "100-continue", **headers})
        assert waiting.next_status() == status


def test_expected_body_is_asked_for_and_then_stored(
    proxy: CaddyProxy, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    body = reading_lines(meter_id, 3)
    with connect(proxy) as waiting:
        head = {**HEAD, "content-length": str(len(body)), "expect": "100-continue"}
        waiting.send_head(METER, head)
        assert waiting.next_status() == 100
        waiting.send(body)
        assert waiting.answer().accepted_all().accepted == 3
    assert tables.count_meter(meter_id) == 3


@pytest.mark.parametrize(
    ("path", "headers", "status", "code"),
    [
        (METER, {"content-type": NDJSON}, 401, "unauthorized"),
        (ARRAY, {**BEARER, "content-type": JSON}, 413, "body-too-large"),
        (METER, {**BEARER, "content-type": "text/csv"}, 415, "unsupported-media-type"),
    ],
)
def test_early_answer_to_a_large_body_arrives(
    path: str, headers: Mapping[str, str], status: int, code: str, proxy: CaddyProxy
) -> None:
    for _ in range(TIMES):
        answer = post(proxy, path, BIG, headers)
        problem = answer.problem(status, code)
        assert answer.headers["x-request-id"] == problem.request_id


def test_compressed_bodies_go_through_as_they_are(
    proxy: CaddyProxy, tables: StoredTables, make_id: MakeId
) -> None:
    for name, compress in (("gzip", gzip.compress), ("zstd", zstandard.compress)):
        meter_id = make_id(name)
        body = compress(reading_lines(meter_id, 500, step_s=1))
        answer = post(proxy, METER, body, {**HEAD, "content-encoding": name})
        assert answer.accepted_all().accepted == 500
        assert tables.count_meter(meter_id) == 500


def test_body_of_any_size_takes_no_memory_in_the_proxy(proxy: CaddyProxy, make_id: MakeId) -> None:
    body = reading_lines(make_id("m"), 1)
    chunks = [body, *[BLANK_LINE] * 2048]
    before = memory_mib(proxy.pid)
    answer = post_tls_chunks(proxy.port, proxy.context(), METER, chunks, HEAD)
    assert answer.accepted_all().accepted == 1
    grown = peak_memory_mib(proxy.pid) - before
    assert grown < 48, f"the proxy grew by {grown} MiB under a body of 128 MiB"


def test_service_that_does_not_read_stops_the_client(
    proxy: CaddyProxy, behind: RunningService, make_id: MakeId
) -> None:
    """Back-pressure reaches the sender: nothing in between swallows a body."""
    worker = worker_on(behind.ports.meter_usage)
    with connect(proxy) as upload:
        upload.send_head(METER, {**HEAD, "transfer-encoding": "chunked"})
        upload.send_chunk(reading_lines(make_id("m"), 1))
        os.kill(worker, signal.SIGSTOP)
        try:
            taken = send_until_full(upload, BLANK_LINE, bytes_max=64 * MIB)
        finally:
            os.kill(worker, signal.SIGCONT)
    assert taken < 32 * MIB, "only the sockets' buffers"


@pytest.mark.parametrize("chunked", [True, False])
def test_upload_that_breaks_is_not_taken_as_complete(
    chunked: bool, proxy: CaddyProxy, tables: StoredTables, make_id: MakeId
) -> None:
    whole_id, torn_id = make_id("m"), make_id("m")
    body = reading_lines(whole_id, 1) + reading_lines(torn_id, 1).removesuffix(b"\n")
    framing = {"transfer-encoding": "chunked"} if chunked else {"content-length": "100000"}
    with connect(proxy) as upload:
        upload.send_head(METER, {**HEAD, **framing})
        if chunked:
            upload.send_chunk(body)
        else:
            upload.send(body)
    until(lambda: tables.count_meter(whole_id) == 1, "the whole line is stored")
    assert tables.count_meter(torn_id) == 0


def test_request_can_be_found_in_both_logs_and_its_token_in_none(
    proxy: CaddyProxy, behind: RunningService
) -> None:
    claims = {"x-request-id": "mine", "x-forwarded-for": "1.2.3.4"}
    answer = post(proxy, METER, b"bad", {**HEAD, **claims})
    request_id = answer.headers["x-request-id"]
    assert request_id == answer.summary().request_id != "mine"
    until(lambda: request_id in proxy.output_path.read_text(), "the proxy has logged it")
    until(lambda: request_id in behind.output(), "the service has logged it")
    assert HELD not in proxy.output_path.read_text() + behind.output()
    access = [json.loads(line) for line in proxy.output_path.read_text().splitlines()]
    [line] = [fact for fact in access if request_id in json.dumps(fact.get("resp_headers", {}))]
    assert (line["request"]["remote_ip"], line["status"]) == ("127.0.0.1", 422)
    assert '"token_name": "fleet"' in behind.output()


def test_answers_say_nothing_of_what_serves(proxy: CaddyProxy) -> None:
    for path, headers in ((METER, HEAD), (METER, {}), ("/", {})):
        answer = post(proxy, path, b"", headers)
        assert "via" not in answer.headers
        assert answer.headers.get("server", "ingestion") == "ingestion"
        assert "granian" not in str(answer).lower()
        assert "caddy" not in str(answer).lower()


def test_the_authority_is_caddy_s_own_and_stays_in_its_folder(proxy: CaddyProxy) -> None:
    assert proxy.root.is_relative_to(proxy.output_path.parent)
    assert b"BEGIN CERTIFICATE" in proxy.root.read_bytes()
    assert not Path("/usr/local/share/ca-certificates/caddy").exists()
