"""Good readings over HTTP: what is answered, and that every value is in QuestDB afterwards."""

import random
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import msgspec
import pytest
from tests.process.raw_http import NDJSON, Answer, json_lines, post, post_chunks
from tests.process.running_service import MakeId, RunningService
from tests.process.sample_readings import expected_kwh, reading_lines, readings
from tests.process.stored_tables import Row, StoredTables

pytestmark = [pytest.mark.process, pytest.mark.questdb]

OWN_ID = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"


def full_meter_record(meter_id: str) -> dict[str, object]:
    return {
        "ts": "2024-03-01T00:15:00.123456Z",
        "meter_id": meter_id,
        "kwh": 1.2345678901234567,
        "premise_id": 'Straße 1, "rear" = \\ newline\n\N{HIGH VOLTAGE SIGN}',
        "kvarh": -0.25,
        "kva_demand": 1e-300,
        "quality_flag": "E, estimated",
        "source_system": "head end=1",
        "event_id": OWN_ID,
    }


def full_plant_record(plant_id: str) -> dict[str, object]:
    return {
        "ts": "2024-03-01T01:15:00+01:00",
        "plant_id": plant_id,
        "mw": 410.1,
        "unit_id": "unit 1",
        "mvar": -35.75,
        "status": "RUN",
        "fuel_type": "gas",
        "event_id": OWN_ID,
    }


def assert_stored(row: Row, record: Mapping[str, object], ts: str) -> None:
    assert row == {**record, "ts": ts}


def test_ndjson_stores_every_field_of_a_meter_reading(
    service: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    record = full_meter_record(meter_id)
    summary = service.post_lines(json_lines([record])).accepted_all()
    assert (summary.accepted, summary.ack, summary.errors_truncated) == (1, "committed", False)
    assert summary.request_id
    [row] = tables.meter(meter_id)
    assert_stored(row, record, "2024-03-01T00:15:00.123456Z")


def test_ndjson_stores_every_field_of_a_generation_reading(
    service: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    plant_id = make_id("p")
    record = full_plant_record(plant_id)
    answer = service.post_lines(json_lines([record]), stream="generation_output")
    assert answer.accepted_all().accepted == 1
    [row] = tables.plant(plant_id)
    assert_stored(row, record, "2024-03-01T00:15:00.000000Z")


def test_array_stores_every_field_of_both_streams(
    service: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id, plant_id = make_id("m"), make_id("p")
    meter, plant = full_meter_record(meter_id), full_plant_record(plant_id)
    service.post_array(msgspec.json.encode([meter])).accepted_all()
    service.post_array(msgspec.json.encode([plant]), stream="generation_output").accepted_all()
    assert_stored(tables.meter(meter_id)[0], meter, "2024-03-01T00:15:00.123456Z")
    assert_stored(tables.plant(plant_id)[0], plant, "2024-03-01T00:15:00.000000Z")


def test_one_object_is_taken_as_an_array_of_one(
    service: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    answer = service.post_array(msgspec.json.encode(full_meter_record(meter_id)))
    assert answer.accepted_all().accepted == 1
    assert tables.count_meter(meter_id) == 1


def test_optional_fields_left_out_or_null_are_stored_as_null(
    service: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    required = {"meter_id": meter_id, "kwh": 2}
    absent = {"ts": "2024-01-01T00:00:00Z", **required}
    null = {"ts": "2024-01-01T00:15:00Z", **required, "premise_id": None, "kvarh": None}
    assert service.post_lines(json_lines([absent, null])).accepted_all().accepted == 2
    for row in tables.meter(meter_id):
        assert row["kwh"] == 2.0
        assert [row[name] for name in ("premise_id", "kvarh", "kva_demand")] == [None] * 3
        assert [row[name] for name in ("quality_flag", "source_system")] == [None] * 2


def test_unknown_fields_are_ignored(
    service: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    record = {**readings(meter_id, 1)[0], "firmware": {"major": [7]}, "colour": None}
    assert service.post_lines(json_lines([record])).accepted_all().accepted == 1
    assert tables.count_meter(meter_id) == 1


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\n\n  \r\n"])
def test_line_endings_and_blank_lines_make_no_difference(
    ending: bytes, service: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    lines = reading_lines(meter_id, 5).splitlines()
    assert service.post_lines(ending.join(lines) + ending).accepted_all().accepted == 5
    assert [row["kwh"] for row in tables.meter(meter_id)] == expected_kwh(5)


def test_last_line_of_a_complete_body_needs_no_newline(
    service: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    body = reading_lines(meter_id, 2).removesuffix(b"\n")
    assert service.post_lines(body).accepted_all().accepted == 2
    assert tables.count_meter(meter_id) == 2


def test_body_without_lines_is_accepted_as_nothing(service: RunningService) -> None:
    assert service.post_lines(b"").accepted_all().accepted == 0
    assert service.post_array(b"[]").accepted_all().accepted == 0


@pytest.mark.parametrize(
    "content_type",
    [
        "application/x-ndjson",
        "application/ndjson",
        "application/jsonl",
        "Application/X-NDJSON; charset=utf-8",
        "application/x-www-form-urlencoded",
        None,
    ],
)
def test_every_documented_content_type_is_read_as_ndjson(
    content_type: str | None, service: RunningService, make_id: MakeId
) -> None:
    body = reading_lines(make_id("m"), 2)
    headers = {} if content_type is None else {"content-type": content_type}
    answer = post(service.ports.meter_usage, "/ingest/meter_usage/ndjson", body, headers)
    assert answer.accepted_all().accepted == 2


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json; charset=utf-8",
        "application/x-www-form-urlencoded",
        None,
    ],
)
def test_every_documented_content_type_is_read_as_an_array(
    content_type: str | None, service: RunningService, make_id: MakeId
) -> None:
    body = msgspec.json.encode(readings(make_id("m"), 2))
    headers = {} if content_type is None else {"content-type": content_type}
    answer = post(service.ports.meter_usage, "/ingest/meter_usage", body, headers)
    assert answer.accepted_all().accepted == 2


def test_posting_a_body_three_times_leaves_the_rows_of_one_post(
    service: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id, plant_id = make_id("m"), make_id("p")
    body = reading_lines(meter_id, 300)
    # Without a unit the key holds a null, which must deduplicate like any other value.
    plant = {"ts": "2024-01-01T00:00:00Z", "plant_id": plant_id, "mw": 1}
    plant_body = json_lines([plant, {**plant, "unit_id": "u1"}])
    service.post_lines(body).accepted_all()
    service.post_lines(plant_body, stream="generation_output").accepted_all()
    first = tables.meter(meter_id), tables.plant(plant_id)
    assert (len(first[0]), len(first[1])) == (300, 2)
    for _ in range(2):
        assert service.post_lines(body).accepted_all().accepted == 300
        service.post_lines(plant_body, stream="generation_output").accepted_all()
    assert (tables.meter(meter_id), tables.plant(plant_id)) == first


def test_later_line_wins_for_one_key_in_one_body(
    service: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    [record] = readings(meter_id, 1)
    versions = [{**record, "kwh": float(version)} for version in range(3000)]
    assert service.post_lines(json_lines(versions)).accepted_all().accepted == 3000
    assert [row["kwh"] for row in tables.meter(meter_id)] == [2999.0]


def test_any_chunking_of_a_body_gives_the_same_answer_and_rows(
    service: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    good = reading_lines(meter_id, 6).splitlines(keepends=True)
    lines = [*good[:2], b"\r\n", b'{"ts": "torn\n', *good[2:4], b"\xff\n", *good[4:]]
    body = b"".join(lines).removesuffix(b"\n")
    randomly = random.Random(20240101)  # noqa: S311 - seeded, for cuts only
    cuts = [sorted(randomly.sample(range(1, len(body)), 40)) for _ in range(3)]
    chunkings = [[0, *cut, len(body)] for cut in cuts]
    chunkings += [list(range(len(body) + 1)), [0, len(body)]]

    def posted(bounds: list[int]) -> Answer:
        chunks = [body[start:end] for start, end in pairwise(bounds)]
        path = "/ingest/meter_usage/ndjson"
        return post_chunks(service.ports.meter_usage, path, chunks, {"content-type": NDJSON})

    expected = msgspec.structs.replace(service.post_lines(body).summary(), request_id="")
    stored = tables.meter(meter_id)
    assert (expected.accepted, [error.line for error in expected.errors]) == (6, [4, 7])
    for bounds in chunkings:
        summary = posted(bounds).summary()
        assert msgspec.structs.replace(summary, request_id="") == expected
    assert tables.meter(meter_id) == stored


def test_four_large_posts_at_once_are_each_stored_whole(
    service: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    # They fit into channel_capacity together: a post that comes while others wait gets 429.
    meter_ids = [make_id("m") for _ in range(4)]
    bodies = [reading_lines(meter_id, 12_000, step_s=1) for meter_id in meter_ids]
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(service.post_lines, bodies))
    assert [answer.accepted_all().accepted for answer in answers] == [12_000] * 4
    assert len({answer.summary().request_id for answer in answers}) == 4
    for meter_id in meter_ids:
        stored = [row["kwh"] for row in tables.meter(meter_id)]
        assert stored == expected_kwh(12_000)
