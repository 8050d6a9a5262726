"""Limits: each is named with its value, holds however the body comes, and spares what fits."""

import gzip
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
import zstandard
from tests.process.raw_http import JSON, NDJSON, Answer, json_lines, post_chunks
from tests.process.running_service import Launch, MakeId, RunningService
from tests.process.sample_readings import expected_kwh, reading_lines, readings
from tests.process.stored_tables import StoredTables

pytestmark = [pytest.mark.process, pytest.mark.questdb]

BODY_BYTES_MAX = 20_000
NDJSON_BYTES_MAX = 60_000
DECOMPRESSED_BYTES_MAX = 50_000
LINE_BYTES_MAX = 2_000
RECORDS_MAX = 200
FUTURE_MINUTES_MAX = 60


@pytest.fixture(scope="module")
def limited(launch: Launch) -> Iterator[RunningService]:
    """A service with small limits; its second stream takes negative values and is strict."""
    source = {
        "max_body_bytes": BODY_BYTES_MAX,
        "max_ndjson_body_bytes": NDJSON_BYTES_MAX,
        "max_decompressed_bytes": DECOMPRESSED_BYTES_MAX,
        "max_line_bytes": LINE_BYTES_MAX,
        "max_request_records": RECORDS_MAX,
        "max_future_minutes": FUTURE_MINUTES_MAX,
    }
    other = {"ndjson_strict": True, "allow_negative": True}
    with launch({"meter_usage": {"source": source}, "generation_output": {"source": other}}) as it:
        yield it


def in_chunks(service: RunningService, path: str, body: bytes, content_type: str) -> Answer:
    chunks = [body[start : start + 1000] for start in range(0, len(body), 1000)]
    return post_chunks(service.ports.meter_usage, path, chunks, {"content-type": content_type})


def assert_too_large(answer: Answer, code: str, setting: str, value: int) -> int:
    """Check the refusal and return how many rows it says are stored."""
    problem = answer.problem(413, code)
    assert not problem.retryable
    assert setting in problem.detail
    assert str(value) in problem.detail.replace(",", "").replace("_", "")
    return problem.accepted


def padded_line(meter_id: str, size_bytes: int) -> bytes:
    """Return one reading as a line of exactly this size, its newline not counted."""
    line = reading_lines(meter_id, 1).removesuffix(b"}\n") + b',"pad":"'
    return line + b"x" * (size_bytes - len(line) - 2) + b'"}\n'


@pytest.mark.parametrize("chunked", [False, True])
def test_array_over_its_limit_is_413_and_nothing_is_taken(
    chunked: bool, limited: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    array = msgspec.json.encode(readings(meter_id, 2))
    fits = array + b" " * (BODY_BYTES_MAX - len(array))
    send = limited.post_array
    if chunked:
        answer = in_chunks(limited, "/ingest/meter_usage", fits + b" ", JSON)
    else:
        answer = send(fits + b" ")
    assert assert_too_large(answer, "body-too-large", "max_body_bytes", BODY_BYTES_MAX) == 0
    assert tables.count_meter(meter_id) == 0
    assert send(fits).accepted_all().accepted == 2


@pytest.mark.parametrize("chunked", [False, True])
def test_ndjson_body_over_its_limit_is_413(
    chunked: bool, limited: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    body = reading_lines(meter_id, 2)
    fits = body + b"\n" * (NDJSON_BYTES_MAX - len(body))
    if chunked:
        answer = in_chunks(limited, "/ingest/meter_usage/ndjson", fits + b"\n", NDJSON)
    else:
        answer = limited.post_lines(fits + b"\n")
    setting = "max_ndjson_body_bytes"
    accepted = assert_too_large(answer, "body-too-large", setting, NDJSON_BYTES_MAX)
    assert accepted == tables.count_meter(meter_id)
    assert limited.post_lines(fits).accepted_all().accepted == 2


def test_ndjson_body_is_unlimited_by_default(
    service: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    body = padded_line(meter_id, 1000) * 12_000
    assert len(body) > 10_485_760
    assert service.post_lines(body).accepted_all().accepted == 12_000
    assert tables.count_meter(meter_id) == 1


def test_too_many_records_are_413_and_accepted_tells_what_is_stored(
    limited: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id, array_id = make_id("m"), make_id("m")
    answer = limited.post_lines(reading_lines(meter_id, RECORDS_MAX + 1))
    accepted = assert_too_large(answer, "too-many-records", "max_request_records", RECORDS_MAX)
    assert [row["kwh"] for row in tables.meter(meter_id)] == expected_kwh(accepted)
    few = [{"ts": "2024-01-01T00:00:00Z", "meter_id": array_id, "kwh": 1}] * (RECORDS_MAX + 1)
    array = msgspec.json.encode(few)
    assert_too_large(
        limited.post_array(array), "too-many-records", "max_request_records", RECORDS_MAX
    )
    assert tables.count_meter(array_id) == 0
    assert (
        limited.post_lines(reading_lines(meter_id, RECORDS_MAX)).accepted_all().accepted
        == RECORDS_MAX
    )


Compress = Callable[[bytes], bytes]
ENCODINGS = pytest.mark.parametrize(
    ("name", "compress"),
    [("gzip", gzip.compress), ("zstd", lambda body: zstandard.ZstdCompressor().compress(body))],
)


@ENCODINGS
@pytest.mark.parametrize("filler", [b"\n", b" ", b"x"])
def test_bomb_ends_in_413(
    filler: bytes, name: str, compress: Compress, limited: RunningService
) -> None:
    body = compress(filler * 40_000_000)
    assert len(body) < DECOMPRESSED_BYTES_MAX
    answer = limited.post_lines(body, headers={"content-encoding": name})
    setting = "max_decompressed_bytes"
    accepted = assert_too_large(answer, "decompressed-too-large", setting, DECOMPRESSED_BYTES_MAX)
    assert accepted == 0


@ENCODINGS
def test_compressed_array_may_not_grow_over_the_limit_of_arrays(
    name: str, compress: Compress, limited: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    array = msgspec.json.encode(readings(meter_id, 2))
    body = compress(array + b" " * (BODY_BYTES_MAX + 1 - len(array)))
    answer = limited.post_array(body, headers={"content-encoding": name})
    assert answer.status == 413
    assert "max_body_bytes" in answer.body.decode()
    assert tables.count_meter(meter_id) == 0


@pytest.mark.parametrize("ended", [True, False])
def test_line_over_its_limit_is_skipped_and_the_rest_goes_on(
    ended: bool, limited: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    long_id, fitting_id, other_id = make_id("m"), make_id("m"), make_id("m")
    long_line = padded_line(long_id, LINE_BYTES_MAX + 1)
    lines = [reading_lines(other_id, 1), long_line, padded_line(fitting_id, LINE_BYTES_MAX)]
    body = b"".join(lines if ended else [*lines, long_line.removesuffix(b"\n")])
    for chunk_bytes in (len(body), 700, 1):
        chunks = [body[at : at + chunk_bytes] for at in range(0, len(body), chunk_bytes)]
        answer = post_chunks(
            limited.ports.meter_usage,
            "/ingest/meter_usage/ndjson",
            chunks,
            {"content-type": NDJSON},
        )
        summary = answer.summary()
        assert [error.code for error in summary.errors] == ["line-too-long"] * (2 - ended)
        assert [error.line for error in summary.errors] == ([2] if ended else [2, 4])
        assert (summary.accepted, summary.parse_errors) == (2, 2 - ended)
    assert tables.count_meter(long_id) == 0
    assert tables.count_meter(fitting_id) == tables.count_meter(other_id) == 1


def test_reading_too_far_in_the_future_is_rejected(
    limited: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    now = datetime.now(tz=UTC)
    times = [now + timedelta(minutes=FUTURE_MINUTES_MAX + offset) for offset in (-5, 5)]
    records = [{"ts": ts.isoformat(), "meter_id": meter_id, "kwh": 1} for ts in times]
    summary = limited.post_lines(json_lines(records)).summary()
    assert (summary.accepted, summary.rejected) == (1, 1)
    [error] = summary.errors
    assert (error.line, error.code, error.field) == (2, "timestamp-out-of-range", "ts")
    assert tables.count_meter(meter_id) == 1


def test_negative_values_are_stored_where_the_stream_allows_them(
    limited: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    plant_id = make_id("p")
    line = json_lines([{"ts": "2024-01-01T00:00:00Z", "plant_id": plant_id, "mw": -12.5}])
    assert limited.post_lines(line, stream="generation_output").accepted_all().accepted == 1
    assert [row["mw"] for row in tables.plant(plant_id)] == [-12.5]


def test_query_overrides_the_strictness_of_the_config(limited: RunningService) -> None:
    body = b'bad\n{"ts":"2024-01-01T00:00:00Z","plant_id":"p","mw":1}\n'
    stream = "generation_output"
    limited.post_lines(body, stream=stream).problem(400, "strict-rejected")
    limited.post_lines(body, stream=stream, query="?strict=true").problem(400, "strict-rejected")
    lenient = limited.post_lines(body, stream=stream, query="?strict=false")
    assert (lenient.status, lenient.summary().accepted) == (200, 1)
