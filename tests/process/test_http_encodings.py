"""Compressed bodies: what is inside counts, and only a whole stream is whole."""

import gzip
import zlib
from collections.abc import Callable

import msgspec
import pytest
import zstandard
from tests.process.raw_http import NDJSON, post_chunks
from tests.process.running_service import MakeId, RunningService
from tests.process.sample_readings import expected_kwh, reading_lines, readings
from tests.process.stored_tables import StoredTables

pytestmark = [pytest.mark.process, pytest.mark.questdb]

Compress = Callable[[bytes], bytes]


def zstd(body: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(body)


ENCODINGS = pytest.mark.parametrize(("name", "compress"), [("gzip", gzip.compress), ("zstd", zstd)])


@ENCODINGS
def test_compressed_body_is_stored_like_a_plain_one(
    name: str, compress: Compress, service: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id, array_id = make_id("m"), make_id("m")
    headers = {"content-encoding": name}
    answer = service.post_lines(
        compress(reading_lines(meter_id, 20_000, step_s=1)), headers=headers
    )
    assert answer.accepted_all().accepted == 20_000
    assert [row["kwh"] for row in tables.meter(meter_id)] == expected_kwh(20_000)
    array = compress(msgspec.json.encode(readings(array_id, 20)))
    assert service.post_array(array, headers=headers).accepted_all().accepted == 20
    assert tables.count_meter(array_id) == 20


@ENCODINGS
def test_compressed_body_may_be_cut_into_any_chunks_and_members(
    name: str, compress: Compress, service: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    lines = reading_lines(meter_id, 40)
    body = compress(lines[:700]) + compress(lines[700:])
    chunks = [body[start : start + 1] for start in range(len(body))]
    headers = {"content-type": NDJSON, "content-encoding": name}
    path = "/ingest/meter_usage/ndjson"
    answer = post_chunks(service.ports.meter_usage, path, chunks, headers)
    assert answer.accepted_all().accepted == 40
    assert [row["kwh"] for row in tables.meter(meter_id)] == expected_kwh(40)


def test_identity_is_no_encoding(service: RunningService, make_id: MakeId) -> None:
    body = reading_lines(make_id("m"), 1)
    answer = service.post_lines(body, headers={"content-encoding": "identity"})
    assert answer.accepted_all().accepted == 1


@pytest.mark.parametrize("encoding", ["br", "deflate", "compress", "gzip, br", "x"])
def test_other_encodings_are_415_and_nothing_is_taken(
    encoding: str, service: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    body = zlib.compress(reading_lines(meter_id, 1))
    answer = service.post_lines(body, headers={"content-encoding": encoding})
    problem = answer.problem(415, "unsupported-encoding")
    assert (problem.retryable, problem.accepted) == (False, 0)
    assert tables.count_meter(meter_id) == 0


@ENCODINGS
@pytest.mark.parametrize("as_array", [False, True])
def test_cut_compressed_body_is_never_taken_as_complete(
    name: str,
    compress: Compress,
    as_array: bool,
    service: RunningService,
    tables: StoredTables,
    make_id: MakeId,
) -> None:
    meter_id = make_id("m")
    headers = {"content-encoding": name}
    if as_array:
        body = compress(msgspec.json.encode(readings(meter_id, 50)))
        answer = service.post_array(body[:-3], headers=headers)
    else:
        # Without the last newline the last row is whole in what arrives, and still unfinished.
        body = compress(reading_lines(meter_id, 50).removesuffix(b"\n"))
        answer = service.post_lines(body[:-3], headers=headers)
    problem = answer.problem(400, "truncated-body")
    assert not problem.retryable
    stored = [row["kwh"] for row in tables.meter(meter_id)]
    assert stored == expected_kwh(problem.accepted)
    assert len(stored) < 50


@ENCODINGS
def test_corrupt_compressed_body_is_400_and_only_whole_lines_are_kept(
    name: str, compress: Compress, service: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    body = bytearray(compress(reading_lines(meter_id, 2_000)))
    body[len(body) // 2 : len(body) // 2 + 40] = b"\xff" * 40
    answer = service.post_lines(bytes(body), headers={"content-encoding": name})
    problem = answer.problem(400, "invalid-encoding")
    assert not problem.retryable
    assert len(tables.meter(meter_id)) == problem.accepted


@ENCODINGS
def test_body_that_is_not_compressed_as_it_says_is_400(
    name: str, compress: Compress, service: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    lines = reading_lines(meter_id, 2)
    headers = {"content-encoding": name}
    assert service.post_lines(lines, headers=headers).problem(400, "invalid-encoding").accepted == 0
    with_rest = compress(lines) + b"rest"
    problem = service.post_lines(with_rest, headers=headers).problem(400, "invalid-encoding")
    assert problem.accepted == tables.count_meter(meter_id)
