"""A row that QuestDB refuses goes alone: its sender is told, it is kept, all others are stored."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest
from loadtest.faults.small_disk import small_disk
from tests.process.raw_http import Answer
from tests.process.running_service import MakeId, RunningService, StartService
from tests.process.sample_readings import expected_kwh, readings
from tests.process.stored_tables import StoredTables

pytestmark = [pytest.mark.process, pytest.mark.questdb]

TABLE = "meter_usage_premise_uuid"
"""As `meter_usage`, but its premise_id takes UUIDs only: the one way to a row that passes every
check of ours and is refused by QuestDB."""


DISK_BYTES = 8192

BAD_LINES: list[list[int]] = [[], [], [], [7, 8], [], []]


@pytest.fixture
def table(tables: StoredTables) -> str:
    tables.execute(
        f"CREATE TABLE IF NOT EXISTS {TABLE} (ts TIMESTAMP, event_id UUID, meter_id SYMBOL,"
        " premise_id UUID, kwh DOUBLE, kvarh DOUBLE, kva_demand DOUBLE, quality_flag SYMBOL,"
        " source_system SYMBOL) TIMESTAMP(ts) PARTITION BY DAY WAL"
        " DEDUP UPSERT KEYS(ts, meter_id)"
    )
    return TABLE


def service_with(start_service: StartService, table: str, folder: Path) -> RunningService:
    sink = {"dead_letter_dir": str(folder), "max_batch_linger_ms": 300}
    return start_service({"meter_usage": {"name": table, "sink": sink}})


def body_with(meter_id: str, count: int, *bad_lines: int) -> bytes:
    """Return `count` readings, of which those of `bad_lines` (from 1) have no UUID as premise."""
    rows = readings(meter_id, count)
    for number, row in enumerate(rows, 1):
        row["premise_id"] = f"premise {number}" if number in bad_lines else str(uuid4())
    return b"".join(msgspec.json.encode(row) + b"\n" for row in rows)


def stored_kwh(tables: StoredTables, meter_id: str) -> list[object]:
    return [row["kwh"] for row in tables.meter(meter_id, TABLE)]


def test_refused_row_is_named_kept_and_can_be_posted_again(
    start_service: StartService, tables: StoredTables, table: str, make_id: MakeId, tmp_path: Path
) -> None:
    meter_id = make_id("m")
    service = service_with(start_service, table, tmp_path / "letters")
    answer = service.post_lines(body_with(meter_id, 60, 1, 37, 60))
    assert answer.status == 200
    summary = answer.summary()
    assert (summary.accepted, summary.parse_errors, summary.rejected) == (57, 0, 3)
    assert [(error.line, error.code) for error in summary.errors] == [
        (1, "sink-rejected"), (37, "sink-rejected"), (60, "sink-rejected")
    ]  # fmt: skip
    expected = expected_kwh(60)
    assert stored_kwh(tables, meter_id) == [*expected[1:36], *expected[37:59]]

    file = tmp_path / "letters" / "meter_usage.ndjson"
    letters = [json.loads(line) for line in file.read_text().splitlines()]
    assert [letter["premise_id"] for letter in letters] == ["premise 1", "premise 37", "premise 60"]
    assert {letter["dead_letter"]["request_id"] for letter in letters} == {summary.request_id}
    assert [letter["dead_letter"]["position"] for letter in letters] == [1, 37, 60]
    assert "premise 37" not in service.output(), "no value of a row is logged"

    mended = file.read_bytes().replace(b'"premise 37"', f'"{uuid4()}"'.encode())
    again = service.post_lines(mended).summary()
    assert (again.accepted, again.rejected) == (1, 2)
    assert stored_kwh(tables, meter_id) == [*expected[1:59]]


def test_refused_rows_of_one_request_cost_the_others_in_the_batch_nothing(
    start_service: StartService, tables: StoredTables, table: str, make_id: MakeId, tmp_path: Path
) -> None:
    service = service_with(start_service, table, tmp_path / "letters")
    ids = [make_id("m") for _ in BAD_LINES]
    bodies = [
        body_with(meter_id, 40, *([7, 8] if n == 3 else [])) for n, meter_id in enumerate(ids)
    ]
    with ThreadPoolExecutor(len(ids)) as pool:
        answers: list[Answer] = list(pool.map(service.post_lines, bodies))
    for meter_id, bad, answer in zip(ids, BAD_LINES, answers, strict=True):
        summary = answer.summary()
        assert answer.status == 200
        assert [error.line for error in summary.errors] == bad
        assert summary.accepted == 40 - len(bad)
        assert len(stored_kwh(tables, meter_id)) == 40 - len(bad)


def test_row_alone_that_is_refused_is_422(
    start_service: StartService, table: str, make_id: MakeId, tmp_path: Path
) -> None:
    service = service_with(start_service, table, tmp_path / "letters")
    answer = service.post_lines(body_with(make_id("m"), 1, 1))
    assert answer.problem(422, "nothing-accepted").accepted == 0
    assert json.loads(answer.body)["errors"][0]["code"] == "sink-rejected"


def test_full_disk_costs_letters_and_no_row_and_no_answer(
    start_service: StartService, tables: StoredTables, table: str, make_id: MakeId, tmp_path: Path
) -> None:
    folder = tmp_path / "disk"
    bad_lines = range(1, 31)
    with small_disk(folder, DISK_BYTES) as mounted:
        if not mounted:
            pytest.skip("mounting is not permitted here")
        service = service_with(start_service, table, folder)
        for _ in range(2):  # 30 letters of about 400 bytes are more than the disk holds
            meter_id = make_id("m")
            summary = service.post_lines(body_with(meter_id, 60, *bad_lines)).summary()
            assert (summary.accepted, summary.rejected) == (30, 30)
            assert [error.line for error in summary.errors] == list(bad_lines)
            assert stored_kwh(tables, meter_id) == expected_kwh(60)[30:]
        lines = (folder / "meter_usage.ndjson").read_bytes().splitlines()
        assert 0 < len(lines) < 30
        assert [json.loads(line)["premise_id"] for line in lines] == [
            f"premise {number}" for number in range(1, len(lines) + 1)
        ]
        assert "cannot keep a dead letter" in service.output()
        assert service.terminate() == 0
