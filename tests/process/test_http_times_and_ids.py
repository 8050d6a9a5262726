"""Times and event ids of stored readings."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from tests.process.raw_http import json_lines
from tests.process.running_service import MakeId, RunningService, StartService
from tests.process.sample_readings import readings
from tests.process.stored_tables import Row, StoredTables

pytestmark = [pytest.mark.process, pytest.mark.questdb]

OWN_ID = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"


def test_times_are_stored_as_utc_in_whole_microseconds(
    service: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    sent_and_stored = {
        "2000-01-01T00:00:00Z": "2000-01-01T00:00:00.000000Z",
        "2024-02-29T23:59:59.000001-09:30": "2024-03-01T09:29:59.000001Z",
        "2024-06-01T05:30:00.999999+05:30": "2024-06-01T00:00:00.999999Z",
    }
    records = [{"ts": ts, "meter_id": meter_id, "kwh": 1} for ts in sent_and_stored]
    assert service.post_lines(json_lines(records)).accepted_all().accepted == 3
    assert [row["ts"] for row in tables.meter(meter_id)] == list(sent_and_stored.values())


def test_readings_lie_at_most_400_days_ahead_unless_that_is_turned_off(
    service: RunningService, start_service: StartService, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id, now = make_id("m"), datetime.now(tz=UTC)
    ahead = [now + timedelta(days=days) for days in (399, 401)]
    records = [{"ts": ts.isoformat(), "meter_id": meter_id, "kwh": 1} for ts in ahead]
    answer = service.post_lines(json_lines(records))
    [error] = answer.listed_errors()
    assert (error.line, error.code, error.field) == (2, "timestamp-out-of-range", "ts")
    assert "max_future_minutes" in error.detail
    assert tables.count_meter(meter_id) == 1
    unbound = start_service({"meter_usage": {"source": {"max_future_minutes": 0}}})
    last = {"ts": "2100-01-01T13:59:59.999999+14:00", "meter_id": meter_id, "kwh": 1}
    assert unbound.post_lines(json_lines([last])).accepted_all().accepted == 1
    assert tables.meter(meter_id)[-1]["ts"] == "2099-12-31T23:59:59.999999Z"


def test_a_client_uuid_is_kept_and_other_text_is_hashed(
    service: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")
    own_ids = [OWN_ID.upper(), "order 7", "order 7", "order 8"]
    records = readings(meter_id, len(own_ids))
    for record, own_id in zip(records, own_ids, strict=True):
        record["event_id"] = own_id
    service.post_lines(json_lines(records)).accepted_all()
    kept, first, again, other = [str(row["event_id"]) for row in tables.meter(meter_id)]
    assert kept == OWN_ID
    assert first == again != other
    assert (uuid.UUID(first).version, uuid.UUID(first).variant) == (8, uuid.RFC_4122)


def test_equal_readings_have_equal_derived_ids_however_they_are_written(
    service: RunningService, tables: StoredTables, make_id: MakeId
) -> None:
    meter_id = make_id("m")

    def derived(line: str) -> Row:
        service.post_lines(line.encode()).accepted_all()
        [row] = tables.meter(meter_id)
        return row

    plain = derived(f'{{"ts":"2024-01-01T00:00:00Z","meter_id":"{meter_id}","kwh":5}}\n')
    ordered = (
        f'{{ "kwh" : 5.0e0 , "x":1, "meter_id":"{meter_id}", "ts":"2024-01-01T02:00:00+02:00"}}'
    )
    assert derived(ordered) == plain
    assert uuid.UUID(str(plain["event_id"])).version == 8
    changed = derived(f'{{"ts":"2024-01-01T00:00:00Z","meter_id":"{meter_id}","kwh":5.5}}\n')
    assert changed["event_id"] != plain["event_id"]
