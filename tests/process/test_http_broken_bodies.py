"""Bodies that end early, break or stall: never taken as complete, and never hold a place long."""

import contextlib
import gzip
import threading
from collections.abc import Iterator, Mapping

import pytest
from tests.process.raw_http import JSON, NDJSON, Answer, Connection
from tests.process.running_service import Launch, MakeId, RunningService
from tests.process.sample_readings import expected_kwh, reading_lines
from tests.process.stored_tables import StoredTables

pytestmark = [pytest.mark.process, pytest.mark.questdb]

PATH = "/ingest/meter_usage/ndjson"
CHUNKED: Mapping[str, str] = {"content-type": NDJSON, "transfer-encoding": "chunked"}
IDLE_TIMEOUT_MS = 500
RATE_BYTES_MIN = 2_000


@pytest.fixture(scope="module")
def impatient(launch: Launch) -> Iterator[RunningService]:
    """A service with short body time-outs; its second stream has no minimum rate."""
    source = {"body_idle_timeout_ms": IDLE_TIMEOUT_MS, "body_min_rate_bytes": RATE_BYTES_MIN}
    other = {"body_idle_timeout_ms": IDLE_TIMEOUT_MS, "body_min_rate_bytes": 0}
    with launch({"meter_usage": {"source": source}, "generation_output": {"source": other}}) as it:
        yield it


def unfinished(meter_id: str) -> bytes:
    """Return three readings; the last is whole, but its line is not ended."""
    return reading_lines(meter_id, 3).removesuffix(b"\n")


def assert_last_line_not_stored(
    answer: Answer | None, meter_id: str, tables: StoredTables
) -> list[object]:
    """Check what a body left behind whose last line never ended; return its stored values."""
    stored: list[object] = [row["kwh"] for row in tables.meter(meter_id)]
    assert stored == expected_kwh(len(stored))
    assert len(stored) <= 2
    if answer is not None:
        problem = answer.problem(400, "truncated-body")
        assert not problem.retryable
        assert problem.accepted == len(stored)
    return stored


def send_and_half_close(
    service: RunningService, meter_id: str, head: Mapping[str, str]
) -> Answer | None:
    with service.connect() as connection:
        connection.send_head(PATH, head)
        body = unfinished(meter_id)
        if "transfer-encoding" in head:
            connection.send_chunk(body)
        else:
            connection.send(body)
        connection.half_close()
        return connection.answer_or_closed()


@pytest.mark.parametrize("head", [CHUNKED, {"content-type": NDJSON, "content-length": "5000"}])
def test_half_closed_upload_is_truncated_and_its_last_line_dropped(
    head: Mapping[str, str], service: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    answer = send_and_half_close(service, meter_id, head)
    assert_last_line_not_stored(answer, meter_id, tables)


@pytest.mark.parametrize("head", [CHUNKED, {"content-type": NDJSON, "content-length": "5000"}])
def test_broken_connection_leaves_no_unfinished_line(
    head: Mapping[str, str], service: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    connection = service.connect()
    connection.send_head(PATH, {**head, "expect": "100-continue"})
    assert connection.next_status() == 100
    body = unfinished(meter_id)
    if "transfer-encoding" in head:
        connection.send_chunk(body)
    else:
        connection.send(body)
    connection.reset()
    # One worker: later requests are answered after it has seen the end of this one.
    for _ in range(3):
        assert service.post_lines(reading_lines(make_id("m"), 1)).status == 200
    assert_last_line_not_stored(None, meter_id, tables)


def test_cut_array_stores_nothing(
    service: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    body = b"[" + reading_lines(meter_id, 1).strip() + b"]"
    with service.connect() as connection:
        head = {"content-type": JSON, "content-length": str(len(body) + 1)}
        connection.send_head("/ingest/meter_usage", head)
        connection.send(body)
        connection.half_close()
        answer = connection.answer_or_closed()
    assert answer is None or answer.problem(400, "truncated-body").accepted == 0
    assert tables.count_meter(meter_id) == 0


@pytest.mark.parametrize("broken", [b"zz\r\nabc\r\n", b"-1\r\n", b"5\r\nabcdefgh\r\n0\r\n\r\n"])
def test_bad_chunk_ends_in_400_or_a_closed_connection(
    broken: bytes, service: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    with service.connect() as connection:
        connection.send_head(PATH, CHUNKED)
        connection.send_chunk(unfinished(meter_id))
        connection.send(broken)
        answer = connection.answer_or_closed()
    assert answer is None or answer.status == 400
    assert tables.count_meter(meter_id) <= 2
    assert service.post_lines(reading_lines(make_id("m"), 1)).status == 200


def test_stalled_body_ends_in_408(
    impatient: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    with impatient.connect() as connection:
        connection.send_head(PATH, CHUNKED)
        connection.send_chunk(unfinished(meter_id))
        problem = connection.answer().problem(408, "body-timeout")
    assert problem.retryable
    stored = [row["kwh"] for row in tables.meter(meter_id)]
    assert stored == expected_kwh(problem.accepted)
    assert len(stored) <= 2


def test_body_that_never_starts_ends_in_408(impatient: RunningService) -> None:
    with impatient.connect() as connection:
        connection.send_head(PATH, {"content-type": NDJSON, "content-length": "10"})
        assert connection.answer().problem(408, "body-timeout").accepted == 0


def drip(connection: Connection, body: bytes, piece_bytes: int, pieces: int) -> bool:
    """Send pieces 50 ms apart; return False once the other side has answered."""
    pause = threading.Event()
    for index in range(pieces):
        try:
            connection.send_chunk(body[index * piece_bytes : (index + 1) * piece_bytes])
        except ConnectionError:
            return False
        pause.wait(0.05)
    return True


def test_body_below_the_minimum_rate_ends_in_408(
    impatient: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    body = reading_lines(meter_id, 20)
    with impatient.connect() as connection:
        connection.send_head(PATH, CHUNKED)
        drip(connection, body, 2, 30)
        problem = connection.answer().problem(408, "body-timeout")
    assert problem.accepted == tables.count_meter(meter_id)


@pytest.mark.parametrize("piece_bytes", [1, 20])
def test_compressed_body_below_the_minimum_rate_ends_in_408(
    piece_bytes: int, impatient: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    """What was sent counts, not what it grows to: 20 bytes of this would be thousands of rows."""
    meter_id = make_id("m")
    body = gzip.compress(reading_lines(meter_id, 1) * 100_000)
    with impatient.connect() as connection:
        connection.send_head(PATH, {**CHUNKED, "content-encoding": "gzip"})
        drip(connection, body, piece_bytes, 30)
        problem = connection.answer().problem(408, "body-timeout")
        assert connection.answer_or_closed() is None
    assert problem.retryable
    assert "body_min_rate_bytes" in problem.detail
    assert tables.count_meter(meter_id) == min(problem.accepted, 1)


def test_stalled_compressed_body_ends_in_408(impatient: RunningService, make_id: MakeId) -> None:
    body = gzip.compress(reading_lines(make_id("m"), 20))
    with impatient.connect() as connection:
        connection.send_head(PATH, {**CHUNKED, "content-encoding": "gzip"})
        connection.send_chunk(body[:-1])
        problem = connection.answer().problem(408, "body-timeout")
        assert connection.answer_or_closed() is None
    assert "body_idle_timeout_ms" in problem.detail


def test_connections_of_refused_bodies_are_closed_at_once(
    impatient: RunningService, make_id: MakeId
) -> None:
    """Not when the garbage collector happens to run, which few requests would not bring about."""
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(impatient.connect()) for _ in range(8)]
        for connection in connections:
            connection.send_head(PATH, {**CHUNKED, "content-encoding": "gzip"})
            connection.send_chunk(gzip.compress(reading_lines(make_id("m"), 20))[:-1])
        for connection in connections:
            connection.answer().problem(408, "body-timeout")
            assert connection.answer_or_closed() is None


def test_slow_body_is_taken_where_no_minimum_rate_is_set(
    impatient: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    plant_id = make_id("p")
    body = f'{{"ts":"2024-01-01T00:00:00Z","plant_id":"{plant_id}","mw":1}}\n'.encode()
    with impatient.connect("generation_output") as connection:
        connection.send_head("/ingest/generation_output/ndjson", CHUNKED)
        assert drip(connection, body, 4, (len(body) + 3) // 4)
        connection.end_chunks()
        assert connection.answer().accepted_all().accepted == 1
    assert len(tables.plant(plant_id)) == 1
