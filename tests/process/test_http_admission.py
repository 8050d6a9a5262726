"""A worker at its limit says so before it reads, takes nothing, and is free again at once."""

import threading
from collections.abc import Iterator

import pytest
from tests.process.raw_http import JSON, NDJSON, Connection
from tests.process.running_service import Launch, MakeId, RunningService
from tests.process.sample_readings import expected_kwh, reading_lines
from tests.process.stored_tables import StoredTables, until

pytestmark = [pytest.mark.process, pytest.mark.questdb]

PATH = "/ingest/meter_usage/ndjson"
UPLOAD = {"content-type": NDJSON, "transfer-encoding": "chunked", "expect": "100-continue"}


@pytest.fixture(scope="module")
def narrow(launch: Launch) -> Iterator[RunningService]:
    """A service whose first stream takes one request at a time."""
    with launch({"meter_usage": {"source": {"max_concurrent_requests": 1}}}) as it:
        yield it


def hold_place(service: RunningService) -> Connection:
    """Open an upload and return once the service has admitted it."""
    connection = service.connect()
    connection.send_head(PATH, UPLOAD)
    assert connection.next_status() == 100
    return connection


def test_request_over_the_limit_is_429_and_nothing_of_it_is_taken(
    narrow: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    held_id, refused_id = make_id("m"), make_id("m")
    refused = reading_lines(refused_id, 5)
    with hold_place(narrow) as held:
        answer = narrow.post_lines(refused)
        problem = answer.problem(429, "overloaded")
        assert (problem.retryable, problem.accepted) == (True, 0)
        assert answer.retry_after_s >= 1
        assert tables.count_meter(refused_id) == 0
        held.send_chunk(reading_lines(held_id, 2))
        held.end_chunks()
        assert held.answer().accepted_all().accepted == 2
    until(lambda: narrow.post_lines(refused).status == 200, "the place is free again")
    assert [row["kwh"] for row in tables.meter(refused_id)] == expected_kwh(5)


def test_admission_is_judged_before_the_body_is_asked_for(narrow: RunningService) -> None:
    with hold_place(narrow) as held, narrow.connect() as other:
        other.send_head(PATH, UPLOAD)
        assert other.next_status() == 429
        other.answer().problem(429, "overloaded")
        held.end_chunks()
        assert held.answer().status == 200


@pytest.mark.parametrize("leave", ["answered", "reset"])
def test_every_way_to_leave_frees_the_place(
    leave: str, narrow: RunningService, make_id: MakeId
) -> None:
    held = hold_place(narrow)
    if leave == "reset":
        held.reset()
    else:
        with held:
            held.end_chunks()
            held.answer()
    body = reading_lines(make_id("m"), 1)
    until(lambda: narrow.post_lines(body).status == 200, "the place is free again")


def test_array_bodies_together_are_bounded_and_the_one_over_it_is_429(
    launch: Launch, tables: StoredTables, make_id: MakeId
) -> None:
    held_id, refused_id = make_id("m"), make_id("m")
    source = {"channel_capacity_bytes": 100_000, "max_line_bytes": 50_000}
    head = {"content-type": JSON, "transfer-encoding": "chunked", "expect": "100-continue"}
    array = b"[" + reading_lines(held_id, 1).strip()
    large = b"[%b" + b" " * 50_000 + b"]"
    refused = large % reading_lines(refused_id, 1).strip()
    other = large % reading_lines(held_id, 1).strip()
    with launch({"meter_usage": {"source": source}}) as service, service.connect() as holder:
        holder.send_head("/ingest/meter_usage", head)
        assert holder.next_status() == 100
        holder.send_chunk(array + b" " * 60_000)
        # With pauses: while one of these is held, there is no room for the first one's bytes.
        until(
            lambda: threading.Event().wait(0.3) or service.post_array(other).status == 429,
            "the first one is held",
        )
        problem = service.post_array(refused).problem(429, "overloaded")
        assert (problem.accepted, tables.count_meter(refused_id)) == (0, 0)
        # Lines are not held, and small arrays still fit.
        service.post_lines(reading_lines(held_id, 2)).accepted_all()
        service.post_array(array + b"]").accepted_all()
        holder.send_chunk(b"]")
        holder.end_chunks()
        assert holder.answer().accepted_all().accepted == 1
        until(lambda: service.post_array(refused).status == 200, "there is room again")
