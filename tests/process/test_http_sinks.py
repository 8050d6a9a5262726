"""The other ways to deliver, end to end: pgwire, ILP over TCP, and answers before the commit."""

from collections.abc import Iterator

import pytest
from tests.process.raw_http import json_lines
from tests.process.running_service import Launch, MakeId, RunningService
from tests.process.sample_readings import expected_kwh, reading_lines
from tests.process.stored_tables import StoredTables, until

pytestmark = [pytest.mark.process, pytest.mark.questdb]

METER = {
    "ts": "2024-03-01T00:15:00.123456Z",
    "premise_id": 'Straße 1, "rear" \\ \n',
    "kwh": 1.2345678901234567,
    "kvarh": -0.25,
    "kva_demand": 1e-300,
    "quality_flag": "E, estimated",
    "source_system": "head end=1",
    "event_id": "6f9619ff-8b86-4d01-b42d-00cf4fc964ff",
}


@pytest.fixture(scope="module")
def other_sinks(launch: Launch) -> Iterator[RunningService]:
    """The first stream goes by pgwire, the second by ILP over TCP."""
    overrides = {
        "meter_usage": {"sink": {"kind": "pgwire"}},
        "generation_output": {"sink": {"transport": "tcp", "ack": "enqueued"}},
    }
    with launch(overrides) as running:
        yield running


@pytest.fixture(scope="module")
def enqueuing(launch: Launch) -> Iterator[RunningService]:
    """Both streams answer when the rows are in the buffer."""
    sink = {"sink": {"ack": "enqueued"}}
    with launch({"meter_usage": sink, "generation_output": sink}) as running:
        yield running


def test_pgwire_stores_every_value_and_acknowledges_the_commit(
    other_sinks: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    record = {**METER, "meter_id": meter_id}
    summary = other_sinks.post_lines(json_lines([record])).accepted_all()
    assert (summary.accepted, summary.ack) == (1, "committed")
    [row] = tables.meter(meter_id)
    assert row == record


def test_pgwire_stores_a_body_once_however_often_it_is_posted(
    other_sinks: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    body = reading_lines(meter_id, 3_000, step_s=1)
    for _ in range(2):
        assert other_sinks.post_lines(body).accepted_all().accepted == 3_000
    rows = tables.meter(meter_id)
    assert [row["kwh"] for row in rows] == expected_kwh(3_000)
    assert {row["premise_id"] for row in rows} == {None}


def test_pgwire_and_ilp_store_the_same_row(
    other_sinks: RunningService, service: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    body = reading_lines(meter_id, 50)
    other_sinks.post_lines(body).accepted_all()
    by_pgwire = tables.meter(meter_id)
    service.post_lines(body).accepted_all()
    assert tables.meter(meter_id) == by_pgwire


def test_pgwire_reports_bad_lines_like_any_sink(
    other_sinks: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    summary = other_sinks.post_lines(b"bad\n" + reading_lines(meter_id, 2)).summary()
    assert (summary.accepted, summary.parse_errors, summary.ack) == (2, 1, "committed")
    assert tables.count_meter(meter_id) == 2


def test_tcp_says_enqueued_and_stores_every_value(
    other_sinks: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    plant_id = make_id("p")
    record = {
        "ts": "2024-03-01T00:15:00.000001Z",
        "plant_id": plant_id,
        "unit_id": "unit, 1",
        "mw": 410.1,
        "mvar": -35.75,
        "status": "RUN=1",
        "fuel_type": "gas",
        "event_id": "6f9619ff-8b86-4d01-b42d-00cf4fc964ff",
    }
    summary = other_sinks.post_lines(
        json_lines([record]), stream="generation_output"
    ).accepted_all()
    assert (summary.accepted, summary.ack) == (1, "enqueued")
    until(lambda: len(tables.plant(plant_id)) == 1, "the row sent over TCP is visible")
    assert tables.plant(plant_id) == [record]


def test_enqueued_rows_are_stored_soon(
    enqueuing: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id, plant_id = make_id("m"), make_id("p")
    summary = enqueuing.post_lines(reading_lines(meter_id, 5_000, step_s=1)).accepted_all()
    assert (summary.accepted, summary.ack) == (5_000, "enqueued")
    plant = json_lines([{"ts": "2024-01-01T00:00:00Z", "plant_id": plant_id, "mw": 1}])
    assert enqueuing.post_array(plant, stream="generation_output").summary().ack == "enqueued"
    until(lambda: tables.count_meter(meter_id) == 5_000, "the enqueued rows are visible")
    until(lambda: len(tables.plant(plant_id)) == 1, "the enqueued row is visible")
    assert [row["kwh"] for row in tables.meter(meter_id)] == expected_kwh(5_000)


def test_enqueued_rows_are_stored_before_a_stopped_service_ends(
    launch: Launch, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    sink = {"ack": "enqueued", "max_batch_linger_ms": 1000}
    with launch({"meter_usage": {"sink": sink}}) as running:
        summary = running.post_lines(reading_lines(meter_id, 20_000, step_s=1)).accepted_all()
        assert (summary.accepted, summary.ack) == (20_000, "enqueued")
        assert running.terminate() == 0
    assert [row["kwh"] for row in tables.meter(meter_id)] == expected_kwh(20_000)
