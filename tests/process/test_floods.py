"""Bodies that are small on the wire and endless behind it cost little and end with their client."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import pytest
import zstandard
from tests.process.attack_watch import watched
from tests.process.raw_http import JSON, NDJSON, Connection
from tests.process.running_service import Launch, MakeId, RunningService
from tests.process.sample_readings import reading_lines
from tests.process.scraped_metrics import scrape
from tests.process.stored_tables import StoredTables, until

from utility_ts_analytics.clock import SystemClock

pytestmark = [pytest.mark.process, pytest.mark.questdb]

PATH = "/ingest/meter_usage/ndjson"
MIB = 1024 * 1024
ROW = b'{"ts":"2024-01-01T00:00:00Z","meter_id":"flood","kwh":1}\n'
ZSTD = {"content-encoding": "zstd"}
SOON_S = 2.0
"""Until work ends whose client is gone, or whose time is over: a step of it takes milliseconds."""


@cache
def flood(unit: bytes, size_mib: int) -> bytes:
    """Return `unit` over and over as zstd: a few KB for each 100 MiB."""
    packer = zstandard.ZstdCompressor(level=1).compressobj()
    piece = unit * (MIB // len(unit))
    packed = b"".join(packer.compress(piece) for _ in range(size_mib))
    return packed + packer.flush()


@pytest.fixture(scope="module")
def flooded(launch: Launch) -> Iterator[RunningService]:
    """A service with one worker and the default limits."""
    with launch({"meter_usage": {"source": {"workers": 1}}}) as it:
        yield it


def test_flood_of_bad_lines_ends_at_the_limit_and_delays_nobody(
    flooded: RunningService, make_id: MakeId
) -> None:
    body = flood(b"x\n", 512)
    assert len(body) < 100_000
    clock = SystemClock()
    with watched(flooded, make_id("m"), added_mib_max=64):
        began_s = clock.monotonic_s()
        with ThreadPoolExecutor(16) as threads:
            posts = [threads.submit(flooded.post_lines, body, headers=ZSTD) for _ in range(32)]
            answers = [post.result() for post in posts]
        assert clock.monotonic_s() - began_s < 10.0
    for answer in answers:
        problem = answer.problem(400, "too-many-errors")
        assert (problem.retryable, problem.accepted) == (False, 0)
        assert "10000" in problem.detail
        assert "max_request_errors" in problem.detail
        assert len(answer.listed_errors()) == 100


def test_rows_before_the_limit_are_stored_and_told(
    flooded: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    answer = flooded.post_lines(reading_lines(meter_id, 3_000) + b"{}\n" * 12_000)
    assert answer.problem(400, "too-many-errors").accepted == 3_000
    assert tables.count_meter(meter_id) == 3_000


def test_dirty_feed_with_more_good_lines_than_bad_ones_passes(
    flooded: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    lines = reading_lines(meter_id, 13_000).splitlines(keepends=True)
    answer = flooded.post_lines(b"".join(line + b"x\n" for line in lines))
    assert (answer.status, answer.summary().accepted) == (200, 13_000)
    assert answer.summary().parse_errors == 13_000


def test_flood_of_blank_lines_takes_seconds_and_delays_nobody(
    flooded: RunningService, make_id: MakeId
) -> None:
    body = flood(b"\n", 256)
    with watched(flooded, make_id("m"), added_mib_max=32):
        assert flooded.post_lines(body, headers=ZSTD).accepted_all().accepted == 0


def in_flight(service: RunningService) -> float:
    return scrape(service).value("ingestion_requests_in_flight", stream="meter_usage")


def leave(connection: Connection) -> None:
    connection.__exit__(None, None, None)


@pytest.mark.parametrize("end", [leave, Connection.reset], ids=["closed", "reset"])
def test_work_on_a_complete_body_ends_when_its_client_leaves(
    end: Callable[[Connection], None], flooded: RunningService
) -> None:
    body = flood(ROW, 900)  # 16 million rows: a quarter of a minute
    connection = flooded.connect()
    head = {"content-type": NDJSON, "content-length": str(len(body)), **ZSTD}
    connection.send_head(f"{PATH}?validate_only=true", head)
    connection.send(body)
    until(lambda: in_flight(flooded) == 1, "the body is worked on")
    threading.Event().wait(0.5)
    end(connection)
    until(lambda: in_flight(flooded) == 0, "the work has ended", timeout_s=SOON_S)


def test_client_that_waits_for_long_work_gets_its_answer(flooded: RunningService) -> None:
    answer = flooded.post_lines(flood(ROW, 64), query="?validate_only=true", headers=ZSTD)
    assert answer.accepted_all().accepted == 64 * (MIB // len(ROW))


def test_work_on_a_body_is_cut_by_a_drain(launch: Launch) -> None:
    body = flood(ROW, 900)
    settings = {"server": {"drain_timeout_s": 3}, "meter_usage": {"source": {"workers": 1}}}
    with launch(settings) as service, service.connect() as connection:
        head = {"content-type": NDJSON, "content-length": str(len(body)), **ZSTD}
        connection.send_head(f"{PATH}?validate_only=true", head)
        connection.send(body)
        threading.Event().wait(0.5)
        began_s = SystemClock().monotonic_s()
        with ThreadPoolExecutor(1) as threads:
            answer = threads.submit(connection.answer)
            assert service.terminate() == 0
            problem = answer.result().problem(503, "draining")
        assert SystemClock().monotonic_s() - began_s < 3.0 + SOON_S
    assert problem.accepted == 0


def packer_of_large_window() -> "zstandard.ZstdCompressionObj":
    parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=23)
    return zstandard.ZstdCompressor(compression_params=parameters).compressobj()


def large_window(rows: bytes) -> bytes:
    packer = packer_of_large_window()
    return packer.compress(rows) + packer.flush()


@contextlib.contextmanager
def held_window(service: RunningService, rows: bytes) -> Iterator[Connection]:
    """An upload that has said that it needs 8 MiB, sent some rows, and goes on later."""
    packer = packer_of_large_window()
    start = packer.compress(rows) + packer.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
    with service.connect() as connection:
        head = {"content-type": NDJSON, "transfer-encoding": "chunked", **ZSTD}
        connection.send_head(PATH, head)
        connection.send_chunk(start)
        yield connection
        connection.send_chunk(packer.flush())
        connection.end_chunks()
        connection.answer().accepted_all()


def test_windows_beyond_the_budget_wait_and_are_refused_in_the_end(
    launch: Launch, make_id: MakeId
) -> None:
    settings = {
        "source": {"workers": 1, "max_window_bytes": 8 * MIB},
        "sink": {"request_timeout_ms": 5_000, "delivery_timeout_ms": 6_000},
    }
    many, few = reading_lines(make_id("m"), 2_000), reading_lines(make_id("m"), 10)
    with launch({"meter_usage": settings}) as service:
        with held_window(service, many):
            threading.Event().wait(0.3)
            refused = service.post_lines(large_window(few), headers=ZSTD)
            assert refused.problem(429, "overloaded").accepted == 0
            assert "max_window_bytes" in refused.problem(429, "overloaded").detail
            # Who needs none, or a small one, is not concerned.
            service.post_lines(few).accepted_all()
            service.post_lines(zstandard.compress(few), headers=ZSTD).accepted_all()
        with ThreadPoolExecutor(8) as threads:
            posts = [
                threads.submit(service.post_lines, large_window(many), headers=ZSTD)
                for _ in range(8)
            ]
            assert [post.result().accepted_all().accepted for post in posts] == [2_000] * 8


def test_upload_that_holds_a_window_and_brings_nothing_gives_way(
    launch: Launch, make_id: MakeId
) -> None:
    few = reading_lines(make_id("m"), 10)
    settings = {"source": {"workers": 1, "max_window_bytes": 8 * MIB}}
    with launch({"meter_usage": settings}) as service, service.connect() as idle:
        packer = packer_of_large_window()
        start = packer.compress(b"\n" * 100) + packer.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
        idle.send_head(PATH, {"content-type": NDJSON, "transfer-encoding": "chunked", **ZSTD})
        idle.send_chunk(start)
        threading.Event().wait(0.3)
        service.post_lines(large_window(few), headers=ZSTD).accepted_all()
        idle.answer().problem(408, "body-timeout")


def test_array_that_holds_the_memory_of_all_and_brings_nothing_gives_way(
    launch: Launch, make_id: MakeId
) -> None:
    few = b"[" + b",".join(reading_lines(make_id("m"), 10).splitlines()) + b"]"
    source = {
        "workers": 1,
        "channel_capacity_bytes": MIB,
        "max_body_bytes": MIB,
        "body_min_rate_bytes": 100_000,
    }
    path = PATH.removesuffix("/ndjson")
    with (
        launch({"meter_usage": {"source": source}}) as service,
        service.connect() as idle,
    ):
        idle.send_head(path, {"content-type": JSON, "content-length": str(MIB)})
        idle.send(b"[" + b"1," * (MIB // 2 - 100))
        threading.Event().wait(3.5)
        service.post_array(few).accepted_all()
        idle.answer().problem(408, "body-timeout")
