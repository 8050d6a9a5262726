"""What the running service exposes is what is registered, and its books balance, whoever dies."""

import itertools
import json
import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from tests.process.process_family import descendants, listeners, runtime_dir_of
from tests.process.raw_http import NDJSON, ask, post
from tests.process.running_service import Launch, MakeId, RunningService
from tests.process.sample_readings import reading_lines
from tests.process.scraped_metrics import Scrape, scrape
from tests.process.steady_posts import ROWS, SteadyPosts
from tests.process.stored_tables import until

from utility_ts_analytics.records.streams import STREAMS
from utility_ts_analytics.telemetry.log_metrics import (
    KAFKA_UP,
    LAG_MESSAGES,
    LAG_ROWS,
    LAG_SECONDS,
    LOST,
    SHARD_UP,
    UNDER_REPLICATED,
)
from utility_ts_analytics.telemetry.registry import METRICS

pytestmark = [pytest.mark.process, pytest.mark.questdb]

METERS = "meter_usage"
PATH = "/ingest/meter_usage/ndjson"


@pytest.fixture(scope="module")
def service(launch: Launch) -> Iterator[RunningService]:
    guarded = {"source": {"auth_named_tokens": ["plant:not-used-by-these-tests"]}}
    with launch({METERS: {"source": {"workers": 2}}, "generation_output": guarded}) as running:
        yield running


def workers(service: RunningService) -> set[int]:
    """Return the processes that serve the meters."""
    return {pid for pid in listeners(service.ports.meter_usage) if not descendants(pid)}


def rows(seen: Scrape, what: str, **labels: str) -> float:
    return seen.value(f"ingestion_rows_{what}", stream=METERS, **labels)


def test_exposed_and_registered_are_the_same(service: RunningService) -> None:
    seen = scrape(service)
    elsewhere = {
        LAG_MESSAGES,
        LAG_ROWS,
        LAG_SECONDS,
        LOST,
        SHARD_UP,
        KAFKA_UP,
        UNDER_REPLICATED,
    }  # of services with Kafka
    by_name = {metric.name: metric for metric in METRICS if metric not in elsewhere}
    kinds = {name + "_total" * (kind == "counter"): kind for name, kind in seen.kinds.items()}
    registered = {m.name: "gauge" if m.kind == "info" else m.kind for m in METRICS}
    assert kinds == registered
    labels = seen.label_names()
    for name, metric in by_name.items():
        samples = [name] if metric.kind != "histogram" else [f"{name}_sum", f"{name}_count"]
        for sample in samples:
            assert labels[sample] == {label.name for label in metric.labels}, sample
    exposed = {name.removesuffix("_bucket").removesuffix("_sum") for name in labels}
    assert {name.removesuffix("_count") for name in exposed} == set(by_name)


def test_openmetrics_is_given_to_those_who_ask(service: RunningService) -> None:
    accept = {"accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"}
    answer = ask(service.ports.operations, "/metrics", headers=accept)
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert answer.body.endswith(b"# EOF\n")


def test_every_answer_is_in_the_metrics_when_it_is_there(
    service: RunningService, make_id: MakeId
) -> None:
    before = scrape(service)
    body = reading_lines(make_id("m"), 7) + b"{\n" + b'{"ts":"x"}\n'
    summary = service.post_lines(body).summary()
    after = scrape(service)
    assert (summary.accepted, summary.parse_errors) == (7, 2)
    for what, count in (("received_total", 9), ("stored_total", 7), ("rejected_total", 2)):
        assert rows(after, what) - rows(before, what) == count
    assert rows(after, "rejected_total", reason="invalid-json") == (
        rows(before, "rejected_total", reason="invalid-json") + 1
    )
    for name, count in (
        ("ingestion_requests_total", 1),
        ("ingestion_request_seconds_count", 1),
        ("ingestion_request_bytes_total", len(body)),
        ("ingestion_flush_rows_sum", 7),
        ("ingestion_flush_seconds_count", 1),
    ):
        assert after.value(name, stream=METERS) - before.value(name, stream=METERS) == count, name
    assert after.value("ingestion_questdb_up") == 1
    assert after.imbalance(METERS) == 0


def test_both_workers_are_seen_to_serve(service: RunningService) -> None:
    def serving() -> float:
        return scrape(service).value("ingestion_workers", stream=METERS, state="serving")

    until(lambda: serving() == 2, "both workers serve")  # the service is ready with the first


@pytest.mark.parametrize(
    ("target", "body", "status", "code"),
    [
        (f"{PATH}?validate_only=true", b'{"x":1}\n', 422, "nothing-accepted"),
        (f"{PATH}?nonsense=1", b"{}\n", 400, "unknown-parameter"),
        ("/ingest/nowhere", b"{}\n", 404, "not-found"),
    ],
)
def test_refused_requests_are_counted_and_their_rows_take_no_part(
    service: RunningService, target: str, body: bytes, status: int, code: str
) -> None:
    before = scrape(service)
    with service.connect() as connection:
        connection.send_head(target, {"content-type": NDJSON, "content-length": str(len(body))})
        connection.send(body)
        connection.answer().problem(status, code)
    after = scrape(service)
    name, label = "ingestion_requests_total", {"stream": METERS, "code": str(status)}
    assert after.value(name, **label) == before.value(name, **label) + 1
    assert rows(after, "received_total") == rows(before, "received_total")


def test_books_balance_in_every_scrape_while_workers_are_killed(
    service: RunningService, make_id: MakeId
) -> None:
    """Also: nothing that was answered as accepted is missing, and no counter ever falls."""
    posts = SteadyPosts(service, make_id("killed"))
    scrapes: list[Scrape] = []
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            scrapes.append(scrape(service))

    started = scrape(service)
    looker = threading.Thread(target=look)
    looker.start()
    try:
        with posts.running():
            for _ in range(2):
                posts.wait_more(10)
                dead = min(workers(service))
                os.kill(dead, signal.SIGKILL)
                until(lambda: len(workers(service) - {dead}) == 2, "it is replaced")  # noqa: B023
            posts.wait_more()
    finally:
        done.set()
        looker.join()
    restarts = "ingestion_worker_restarts_total"
    until(
        lambda: (
            scrape(service).value(restarts, stream=METERS)
            >= started.value(restarts, stream=METERS) + 2
        ),
        "both deaths are counted",
    )
    scrapes.append(scrape(service))
    assert len(scrapes) > 20
    assert {seen.imbalance(METERS) for seen in scrapes} == {0}
    for earlier, later in itertools.pairwise(scrapes):
        for (name, labels), value in earlier.samples.items():
            if name.endswith(("_total", "_bucket", "_sum", "_count")):
                assert later.samples[name, labels] >= value, (name, labels)
    last = scrapes[-1]
    until(lambda: rows(scrape(service), "in_flight") == 0, "all is settled")
    stored = rows(last, "stored_total") - rows(started, "stored_total")
    assert stored >= posts.statuses[200] * ROWS
    assert stored <= rows(last, "received_total") - rows(started, "received_total")


def test_files_of_the_dead_do_not_pile_up_and_a_reload_keeps_the_counts(
    service: RunningService, make_id: MakeId
) -> None:
    service.post_lines(reading_lines(make_id("m"), 3)).accepted_all()
    before = scrape(service)
    old = workers(service)
    folder = runtime_dir_of(service.process.pid)
    service.process.send_signal(signal.SIGHUP)
    until(
        lambda: len(workers(service) - old) == len(STREAMS) and not old & workers(service),
        "another generation serves",
    )
    left = len(STREAMS) + 2  # and those of the operations server and the supervisor
    until(lambda: len(list(folder.glob("*.worker"))) == left, f"{left} files are left")
    after = scrape(service)
    for what in ("received_total", "stored_total", "failed_total"):
        assert rows(after, what) >= rows(before, what)
    assert rows(after, "stored_total") == rows(before, "stored_total")
    assert after.imbalance(METERS) == 0
    restarts = "ingestion_worker_restarts_total"
    assert after.value(restarts, stream=METERS) == before.value(restarts, stream=METERS)


def test_request_that_went_well_leaves_no_line_and_one_that_did_not_a_single_one(
    service: RunningService, make_id: MakeId
) -> None:
    """No line has anything of a body or a token."""
    token, value = make_id("token"), make_id("value")
    good = reading_lines(make_id("m"), 2)
    bad_row = b'{"ts":"%s","meter_id":"%s","kwh":1}\n' % (value.encode(), value.encode())
    ids = []
    for body, target in ((good, PATH), (good + bad_row, PATH), (bad_row, f"{PATH}?strict=true")):
        headers = {"content-type": NDJSON, "authorization": f"Bearer {token}"}
        answer = post(service.ports.meter_usage, target, body, headers)
        ids.append(json.loads(answer.body)["request_id"])

    def told(request_id: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in service.output().splitlines() if request_id in line]

    until(lambda: all(told(request_id) for request_id in ids[1:]), "logged, after the answer")
    normal, [lenient], [strict] = map(told, ids)
    assert normal == []
    assert (lenient["event"], lenient["accepted"], lenient["stream"]) == (
        "lines were refused",
        2,
        METERS,
    )
    assert lenient["first_error"] == {"code": "invalid-timestamp", "position": 3, "field": "ts"}
    assert (strict["status"], strict["code"]) == (400, "strict-rejected")
    assert token not in service.output()
    assert value not in service.output()
    errors = json.loads(service.ask_operations("/status.json").body)["errors"]
    assert value not in json.dumps(errors)


def test_last_errors_and_rates_are_in_the_status(service: RunningService, make_id: MakeId) -> None:
    def status() -> dict[str, Any]:
        document: dict[str, Any] = json.loads(service.ask_operations("/status.json").body)
        return document

    service.post_lines(reading_lines(make_id("m"), 3) + b'{"ts":"2024-01-01T00:00:00Z"}\n')
    until(lambda: status()["streams"][METERS]["last_minute"].get("requests", 0) > 0, "a sample")

    def newest() -> tuple[Any, ...]:
        told = status()["errors"][:1]
        return tuple(error[fact] for error in told for fact in ("stream", "code", "line"))

    until(lambda: newest() == (METERS, "missing-field", 4), "the error is told, others before it")
    facts = status()["streams"][METERS]
    assert facts["last_minute"]["request_p99_ms"] > 0
    assert max(facts["history"]["received_rows_per_s"]) > 0
    assert facts["workers"][0]["memory_bytes"] > 0
    assert facts["received_rows"] == scrape(service).value(
        "ingestion_rows_received_total", stream=METERS
    )
