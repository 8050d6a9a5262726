"""Uploads that bring no readings keep nobody out, and those that bring some are let be."""

import itertools
import statistics
import threading
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import zstandard
from tests.process.raw_http import NDJSON, Answer
from tests.process.running_service import Launch, MakeId, RunningService
from tests.process.sample_readings import reading_lines
from tests.process.stored_tables import StoredTables
from tests.process.useless_crowd import UselessCrowd

from utility_ts_analytics.clock import SystemClock

pytestmark = [pytest.mark.process, pytest.mark.questdb]

PATH = "/ingest/meter_usage/ndjson"
PLACES = 24
CROWD = 30
"""More than there are places: who is ended finds others waiting."""

SAME_HOLDER_S = 1.5
"""Until the first of a crowd may be ended for a client of the same address: one second and some."""
WATCHED_S = 3.0
POST_S_MAX = 1.5
ROW = b'{"ts":"2024-01-01T00:00:00Z","meter_id":"padded","kwh":1%b}\n'

Drip = Callable[[], bytes]


def always(data: bytes) -> Callable[[], Drip]:
    return lambda: lambda: data


def flushed_gzip() -> Drip:
    packer = zlib.compressobj(wbits=31)
    return lambda: packer.compress(b"\n" * 100_000) + packer.flush(zlib.Z_SYNC_FLUSH)


def flushed_zstd() -> Drip:
    packer = zstandard.ZstdCompressor().compressobj()
    flush = zstandard.COMPRESSOBJ_FLUSH_BLOCK
    return lambda: packer.compress(b"x\n" * 10) + packer.flush(flush)


def padded_rows() -> Drip:
    """One row a second, at 1.5 KB."""
    row = ROW % (b" " * 1450)
    halves = itertools.cycle((row[:750], row[750:]))
    return lambda: next(halves)


DRIPS = [  # at two chunks a second, each is well above 1 KiB/s as it comes, or once decompressed
    pytest.param(always(b"\n" * 750), {}, id="blank-lines"),
    pytest.param(always(b"x" * 50 + b"\n" + b"\n" * 700), {}, id="bad-lines"),
    pytest.param(always(b"# nothing here\n" * 50), {}, id="comments"),
    pytest.param(padded_rows, {}, id="blanks-in-a-record"),
    pytest.param(always(b" " * 750), {}, id="line-without-end"),
    pytest.param(flushed_gzip, {"content-encoding": "gzip"}, id="blank-lines-in-gzip"),
    pytest.param(flushed_zstd, {"content-encoding": "zstd"}, id="bad-lines-in-zstd"),
]


@pytest.fixture(scope="module")
def small(launch: Launch) -> Iterator[RunningService]:
    """A service with few places, so that a small crowd fills them."""
    with launch(
        {"meter_usage": {"source": {"workers": 1, "max_concurrent_requests": PLACES}}}
    ) as it:
        yield it


@pytest.fixture(scope="module")
def shared(launch: Launch) -> Iterator[RunningService]:
    """The same, whose clients are known by their tokens."""
    source = {
        "workers": 1,
        "max_concurrent_requests": PLACES,
        "auth_named_tokens": ["crowd:crowd-token-0000000", "honest:honest-token-000000"],
    }
    with launch({"meter_usage": {"source": source}}) as it:
        yield it


CROWD_TOKEN = {"authorization": "Bearer crowd-token-0000000"}
HONEST_TOKEN = {"authorization": "Bearer honest-token-000000"}


def posts_for(
    service: RunningService, body: bytes, seconds: float, headers: dict[str, str] | None = None
) -> list[tuple[Answer, float]]:
    """Post again and again without a pause for what is refused; return answers and their times."""
    clock, seen = SystemClock(), []
    until_s = clock.monotonic_s() + seconds
    while (began_s := clock.monotonic_s()) < until_s:
        answer = service.post_lines(body, headers=headers or {})
        seen.append((answer, clock.monotonic_s() - began_s))
        threading.Event().wait(0.1)
    return seen


def all_stored_soon(seen: list[tuple[Answer, float]]) -> None:
    assert len(seen) >= 5
    for answer, _ in seen:
        answer.accepted_all()
    took_s = [took for _, took in seen]
    assert max(took_s) < POST_S_MAX, sorted(took_s)[-5:]
    assert statistics.median(took_s) < 0.6, took_s


@pytest.mark.parametrize(("make_drip", "headers"), DRIPS)
def test_crowd_that_brings_nothing_gives_way_to_a_client_of_the_same_address(
    small: RunningService,
    make_id: MakeId,
    make_drip: Callable[[], Drip],
    headers: dict[str, str],
) -> None:
    body = reading_lines(make_id("m"), 10)
    padded = b"padded" in make_drip()()
    # Each has three seconds if it has brought a row: a crowd of more would take the places of those
    # who are ended, and have three seconds again.
    count, wait_s = (PLACES - 1, 3.5) if padded else (CROWD, SAME_HOLDER_S)
    crowd = UselessCrowd(small.ports.meter_usage, PATH, make_drip, count=count, headers=headers)
    with crowd:
        threading.Event().wait(wait_s)
        all_stored_soon(posts_for(small, body, WATCHED_S))
    assert crowd.ended_count >= (1 if padded else 5)


@pytest.mark.parametrize(("make_drip", "headers"), DRIPS[:1])
def test_crowd_of_one_token_stands_in_the_way_of_no_other_from_the_start(
    shared: RunningService,
    make_id: MakeId,
    make_drip: Callable[[], Drip],
    headers: dict[str, str],
) -> None:
    body = reading_lines(make_id("m"), 10)
    headers = {**headers, **CROWD_TOKEN}
    with UselessCrowd(shared.ports.meter_usage, PATH, make_drip, count=CROWD, headers=headers):
        all_stored_soon(posts_for(shared, body, WATCHED_S, HONEST_TOKEN))


def valid_rows() -> Drip:
    """Twenty rows at a time: a crowd that does store something."""
    return lambda: ROW % b"" * 20


def test_places_are_left_for_others_by_a_token_whose_uploads_all_make_progress(
    shared: RunningService, make_id: MakeId
) -> None:
    body = reading_lines(make_id("m"), 10)
    with UselessCrowd(
        shared.ports.meter_usage, PATH, valid_rows, count=CROWD, headers=CROWD_TOKEN
    ) as crowd:
        all_stored_soon(posts_for(shared, body, WATCHED_S, HONEST_TOKEN))
        assert {answer.status for answer, _ in posts_for(shared, body, 0.3, CROWD_TOKEN)} == {429}
    assert crowd.ended_count > 0  # those that found no place at first


def slow_upload(service: RunningService, body: bytes, headers: dict[str, str]) -> Answer:
    """Send a body at 2.5 KB/s, as a head-end behind a bad line does."""
    head = {"content-type": NDJSON, "content-length": str(len(body)), **headers}
    with service.connect() as connection:
        connection.send_head(PATH, head)
        for start in range(0, len(body), 500):
            connection.send(body[start : start + 500])
            threading.Event().wait(0.2)
        return connection.answer()


def test_honest_slow_uploads_keep_their_places_beside_the_crowd(
    shared: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    meters = [make_id("m") for _ in range(4)]
    bodies = [reading_lines(meter, 150) for meter in meters]
    with ThreadPoolExecutor(4) as threads:
        # As the crowd itself, of its token, or of another; all are there before it.
        tokens = itertools.cycle((CROWD_TOKEN, HONEST_TOKEN))
        uploads = [
            threads.submit(slow_upload, shared, body, token)
            for body, token in zip(bodies, tokens, strict=False)
        ]
        threading.Event().wait(0.5)
        blank = always(b"\n" * 750)
        with UselessCrowd(shared.ports.meter_usage, PATH, blank, count=CROWD, headers=CROWD_TOKEN):
            for upload in uploads:
                assert upload.result().accepted_all().accepted == 150
    assert all(tables.count_meter(meter) == 150 for meter in meters)


def rows_and_blank_blocks() -> Drip:
    """Return what sends a row, and as many blank lines as the queue has rows, as zstd."""
    numbers = itertools.count()
    head = [b"\x28\xb5\x2f\xfd\x00\x38"]  # a frame with a window of 128 KiB, without a size

    def drip() -> bytes:
        row = b'{"ts":"2024-01-01T00:00:00Z","meter_id":"b%d","kwh":1}\n' % (next(numbers) % 100)
        blanks = (50_000 << 3 | 1 << 1).to_bytes(3, "little") + b"\n"
        begin = head.pop() if head else b""
        return begin + (len(row) << 3).to_bytes(3, "little") + row + blanks

    return drip


def test_blank_lines_take_no_room_from_others(shared: RunningService, make_id: MakeId) -> None:
    body = reading_lines(make_id("m"), 10)
    headers = {**CROWD_TOKEN, "content-encoding": "zstd"}
    crowd = UselessCrowd(
        shared.ports.meter_usage,
        PATH,
        rows_and_blank_blocks,
        count=16,
        pause_s=0.1,
        headers=headers,
    )
    with crowd:
        threading.Event().wait(1.0)
        all_stored_soon(posts_for(shared, body, WATCHED_S, HONEST_TOKEN))


def window_of_8_mib(*, rows: bool) -> Drip:
    """Return what opens a zstd frame with the largest window, and sends rows or nothing."""
    row = b'{"ts":"2024-01-01T00:00:00Z","meter_id":"w","kwh":1,"x":"%b"}\n' % (b"y" * 450)
    data = row * 3 if rows else b"\n"
    head = [b"\x28\xb5\x2f\xfd\x00\x68"]
    return lambda: (head.pop() if head else b"") + (len(data) << 3).to_bytes(3, "little") + data


def test_windows_of_one_holder_leave_some_to_others(
    shared: RunningService, make_id: MakeId
) -> None:
    packer = zstandard.ZstdCompressor(level=3).compressobj()
    body = packer.compress(reading_lines(make_id("m"), 3_000)) + packer.flush()
    zstd = {"content-encoding": "zstd"}
    port, headers = shared.ports.meter_usage, {**CROWD_TOKEN, **zstd}
    with UselessCrowd(port, PATH, lambda: window_of_8_mib(rows=True), count=4, headers=headers):
        threading.Event().wait(2.0)
        all_stored_soon(posts_for(shared, body, WATCHED_S, {**HONEST_TOKEN, **zstd}))


def test_who_waits_for_a_window_gives_its_place(small: RunningService, make_id: MakeId) -> None:
    body = reading_lines(make_id("m"), 10)
    port, headers = small.ports.meter_usage, {"content-encoding": "zstd"}
    with UselessCrowd(port, PATH, lambda: window_of_8_mib(rows=True), count=4, headers=headers):
        threading.Event().wait(1.0)
        waiting = UselessCrowd(
            port, PATH, lambda: window_of_8_mib(rows=False), count=PLACES - 4, headers=headers
        )
        with waiting:
            threading.Event().wait(2.5)
            all_stored_soon(posts_for(small, body, WATCHED_S))
