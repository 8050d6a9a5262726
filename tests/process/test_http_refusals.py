"""Requests that are refused before a row is read: who may not, where not, and what not."""

from collections.abc import Iterator, Mapping

import pytest
from tests.process.raw_http import JSON, NDJSON, Answer, Connection, ask, post
from tests.process.running_service import Launch, MakeId, RunningService
from tests.process.sample_readings import reading_lines
from tests.process.scraped_metrics import scrape
from tests.process.stored_tables import StoredTables

pytestmark = [pytest.mark.process, pytest.mark.questdb]

NDJSON_PATH = "/ingest/meter_usage/ndjson"
OLD_TOKEN, NEW_TOKEN, ONLY_TOKEN = "old-token-5d1f", "new-token-77ab", "only-token-09ce"


@pytest.fixture(scope="module")
def guarded(launch: Launch) -> Iterator[RunningService]:
    """A service whose first stream has two tokens and whose second has one."""
    overrides = {
        "meter_usage": {"source": {"auth_bearer_tokens": [OLD_TOKEN, NEW_TOKEN]}},
        "generation_output": {"source": {"auth_bearer_token": ONLY_TOKEN}},
    }
    with launch(overrides) as running:
        yield running


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        bearer("wrong"),
        bearer(""),
        bearer(OLD_TOKEN[:-1]),
        bearer(OLD_TOKEN + "x"),
        bearer(OLD_TOKEN.upper()),
        bearer(ONLY_TOKEN),
        bearer("gr\u00fcn"),
        {"authorization": OLD_TOKEN},
        {"authorization": f"Basic {OLD_TOKEN}"},
    ],
)
def test_without_a_valid_token_nothing_is_taken(
    headers: Mapping[str, str], guarded: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    answer = guarded.post_lines(reading_lines(meter_id, 1), headers=headers)
    problem = answer.problem(401, "unauthorized")
    assert (problem.retryable, problem.accepted) == (False, 0)
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert OLD_TOKEN not in str(answer)
    assert tables.count_meter(meter_id) == 0


PAGE = "https://portal.example.com"


@pytest.fixture(scope="module")
def with_page(launch: Launch) -> Iterator[RunningService]:
    """A service whose first stream takes posts of one page, and whose operations have a name."""
    overrides = {
        "meter_usage": {"source": {"allowed_origins": [PAGE]}},
        "metrics": {"allowed_hosts": ["ingestion"]},
    }
    with launch(overrides) as running:
        yield running


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:7001"])
@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", NDJSON])
def test_posts_of_other_sites_pages_are_refused_and_nothing_is_taken(
    origin: str, kind: str, with_page: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    headers = {"content-type": kind, "origin": origin}
    answer = with_page.post_lines(reading_lines(meter_id, 1), headers=headers)
    problem = answer.problem(403, "foreign-origin")
    assert (problem.retryable, problem.accepted) == (False, 0)
    assert tables.count_meter(meter_id) == 0
    taken = with_page.post_lines(reading_lines(meter_id, 1), headers={**headers, "origin": PAGE})
    assert taken.accepted_all().accepted == 1


def test_refused_posts_of_pages_are_counted(with_page: RunningService, make_id: MakeId) -> None:
    body = reading_lines(make_id("m"), 1)
    with_page.post_lines(body, headers={"origin": "null"}).problem(403, "foreign-origin")
    counted = scrape(with_page).value("ingestion_requests_total", stream="meter_usage", code="403")
    assert counted >= 1


@pytest.mark.parametrize("path", ["/", "/status.json", "/metrics", "/readyz", "/openapi.json"])
def test_operations_port_answers_only_to_its_own_hosts(
    path: str, with_page: RunningService
) -> None:
    port = with_page.ports.operations

    def answered(host: str, **headers: str) -> Answer:
        with Connection(port) as connection:
            lines = [f"GET {path} HTTP/1.1", f"host: {host}", "connection: close"]
            lines += [f"{name}: {value}" for name, value in headers.items()]
            connection.send(("\r\n".join(lines) + "\r\n\r\n").encode())
            return connection.answer("GET")

    answered(f"evil.example:{port}").problem(403, "foreign-origin")
    answered("127.0.0.1", origin="https://evil.example").problem(403, "foreign-origin")
    for host in (f"127.0.0.1:{port}", f"localhost:{port}", "[::1]", "ingestion:9090"):
        assert answered(host).status in (200, 503)


def test_every_token_of_a_stream_opens_it(guarded: RunningService, make_id: MakeId) -> None:
    body = reading_lines(make_id("m"), 1)
    for token in (OLD_TOKEN, NEW_TOKEN):
        assert guarded.post_lines(body, headers=bearer(token)).accepted_all().accepted == 1
    record = b'{"ts":"2024-01-01T00:00:00Z","plant_id":"p","mw":1}'
    path = {"stream": "generation_output"}
    assert guarded.post_array(record, headers=bearer(ONLY_TOKEN), **path).status == 200
    guarded.post_array(record, headers=bearer(NEW_TOKEN), **path).problem(401, "unauthorized")


def test_tokens_do_not_guard_the_health_paths(guarded: RunningService) -> None:
    assert guarded.ask_operations("/healthz").status == 200
    assert guarded.ask_operations("/readyz").status == 200


def test_tokens_appear_in_nothing_that_the_service_prints(
    guarded: RunningService, make_id: MakeId
) -> None:
    body = reading_lines(make_id("m"), 1)
    guarded.post_lines(body, headers=bearer("wrong-31fe")).problem(401, "unauthorized")
    guarded.post_lines(body + b"bad", headers=bearer(OLD_TOKEN))
    output = guarded.output()
    for secret in (OLD_TOKEN, NEW_TOKEN, ONLY_TOKEN, "wrong-31fe"):
        assert secret not in output


EARLY_REFUSALS: list[tuple[str, Mapping[str, str], int, str]] = [
    (NDJSON_PATH, {}, 401, "unauthorized"),
    (NDJSON_PATH, {**bearer(OLD_TOKEN), "content-type": "text/csv"}, 415, "unsupported-media-type"),
    (NDJSON_PATH, {**bearer(OLD_TOKEN), "content-encoding": "br"}, 415, "unsupported-encoding"),
    (NDJSON_PATH + "?strct=true", bearer(OLD_TOKEN), 400, "unknown-parameter"),
    (
        "/ingest/meter_usage",
        {**bearer(OLD_TOKEN), "content-type": JSON, "content-length": "99999999"},
        413,
        "body-too-large",
    ),
]


@pytest.mark.parametrize(("path", "headers", "status", "code"), EARLY_REFUSALS)
def test_refusal_comes_before_the_body_is_asked_for(
    path: str, headers: Mapping[str, str], status: int, code: str, guarded: RunningService
) -> None:
    head = {"content-type": NDJSON, "content-length": "100", "expect": "100-continue", **headers}
    with guarded.connect() as connection:
        connection.send_head(path, head)
        assert connection.next_status() == status
        connection.answer().problem(status, code)


def test_expected_body_is_asked_for_and_then_stored(
    guarded: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    body = reading_lines(meter_id, 3)
    head = {"content-length": str(len(body)), "expect": "100-continue", **bearer(NEW_TOKEN)}
    with guarded.connect() as connection:
        connection.send_head(NDJSON_PATH, head)
        assert connection.next_status() == 100
        connection.send(body)
        assert connection.answer().accepted_all().accepted == 3
    assert tables.count_meter(meter_id) == 3


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/ingest",
        "/ingest/meter_usage/csv",
        "/ingest/meter_usage/ndjson/more",
        "/ingest/no_such_stream/ndjson",
        "/ingest/generation_output/ndjson",
    ],
)
def test_unknown_path_or_another_ports_stream_is_404(path: str, service: RunningService) -> None:
    answer = post(service.ports.meter_usage, path, b"{}", {"content-type": NDJSON})
    problem = answer.problem(404, "not-found")
    assert not problem.retryable


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", [NDJSON_PATH, "/ingest/meter_usage"])
def test_other_methods_are_405_and_told_what_is_allowed(
    method: str, path: str, service: RunningService
) -> None:
    answer = ask(service.ports.meter_usage, path, method=method)
    answer.problem(405, "method-not-allowed")
    assert "POST" in answer.headers["allow"]
    assert method not in answer.headers["allow"]


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        (NDJSON_PATH, JSON),
        (NDJSON_PATH, "text/plain"),
        (NDJSON_PATH, "application/x-ndjsonx"),
        (NDJSON_PATH, "multipart/form-data; boundary=x"),
        ("/ingest/meter_usage", NDJSON),
        ("/ingest/meter_usage", "text/json"),
    ],
)
def test_other_content_types_are_415_and_nothing_is_taken(
    path: str, content_type: str, service: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    body = reading_lines(meter_id, 1)
    answer = post(service.ports.meter_usage, path, body, {"content-type": content_type})
    assert not answer.problem(415, "unsupported-media-type").retryable
    assert tables.count_meter(meter_id) == 0


@pytest.mark.parametrize(
    "query",
    [
        "?strct=true",
        "?strict=maybe",
        "?validate_only=1x",
        "?strict=true&x=1",
        "?strict=true&strict=false",
    ],
)
def test_unknown_parameter_is_400_and_nothing_is_taken(
    query: str, service: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    problem = service.post_lines(reading_lines(meter_id, 1), query=query)
    assert not problem.problem(400, "unknown-parameter").retryable
    assert tables.count_meter(meter_id) == 0


def test_problem_says_what_kind_it_is_and_which_request_it_was(service: RunningService) -> None:
    first = service.post_lines(b"", query="?x=1").problem(400, "unknown-parameter")
    second = service.post_lines(b"", query="?y=1").problem(400, "unknown-parameter")
    assert first.type == second.type
    assert first.title == second.title
    assert first.detail
    assert first.request_id
    assert first.request_id != second.request_id


def test_refused_request_leaves_the_service_taking_the_next(
    service: RunningService, make_id: MakeId
) -> None:
    body = reading_lines(make_id("m"), 1)
    with service.connect() as connection:
        for _ in range(3):
            head = {"content-length": str(len(body)), "content-type": NDJSON}
            connection.send_head(NDJSON_PATH, head)
            connection.send(body)
            assert connection.answer().accepted_all().accepted == 1
    service.post_lines(body, query="?x=1").problem(400, "unknown-parameter")
    assert service.post_lines(body).accepted_all().accepted == 1


def test_refusal_of_a_large_body_reaches_a_sender_that_does_not_wait(
    service: RunningService,
) -> None:
    answer = service.post_lines(b"x" * 20_000_000, headers={"content-type": "text/csv"})
    answer.problem(415, "unsupported-media-type")
    service.post_array(b" " * 20_000_000).problem(413, "body-too-large")


def test_operations_port_answers_404_for_what_it_does_not_have(service: RunningService) -> None:
    assert service.ask_operations("/no-such-page").status == 404
