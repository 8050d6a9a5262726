"""What QuestDB sends is what it has, at one moment, or an error."""

import threading
from pathlib import Path

import duckdb
import pytest
from tests.conftest import TestQuestDB
from tests.unit.archive.archive_rig import DAY, ArchiveRig, reading

from utility_ts_analytics.archive.export import QuestDBHttp, ask, day_sql, export
from utility_ts_analytics.database.access import PLAIN
from utility_ts_analytics.database.table_spec import table_specs
from utility_ts_analytics.errors import OperatorError, QuestDBUnavailable

COLUMNS = table_specs()["meter_usage"].columns


def exported(rig: ArchiveRig, what: str) -> list[tuple[object, ...]]:
    target = rig.root / "export"
    export(rig.job.server, day_sql("meter_usage", COLUMNS, "ts", (DAY, DAY)), target)
    return duckdb.execute(f"SELECT {what} FROM read_parquet('{target}')").fetchall()


@pytest.mark.parametrize("texts", [["abc"], ["", "é", "123456789"], ["x", "1234567890", "😀"]])
def test_export_has_every_short_text(rig: ArchiveRig, texts: list[str]) -> None:
    """9.3.4 exports a VARCHAR column as NULL if no value is longer than 9 bytes."""
    rig.write(
        *(
            reading("a", 1, minute=number, more=f',premise_id="{text}"')
            for number, text in enumerate(texts)
        ),
        reading("b", 1),
    )
    found = {value for (value,) in exported(rig, "premise_id")}
    assert found == {*texts, None}


def test_quirk_that_the_cast_goes_around_is_still_there(rig: ArchiveRig) -> None:
    """When this fails, QuestDB has been mended, and the cast in `day_sql` can go."""
    rig.write(reading("a", 1, more=',premise_id="abc"'))
    target = rig.root / "export"
    export(rig.job.server, "SELECT ts, premise_id FROM meter_usage", target)
    assert duckdb.execute(f"SELECT premise_id FROM read_parquet('{target}')").fetchall() == [
        (None,)
    ]


def test_only_the_day_is_exported(rig: ArchiveRig) -> None:
    rig.write(reading("a", 1), reading("b", 2, minute=1439), reading("c", 3, day=1))
    assert sorted(exported(rig, "meter_id")) == [("a",), ("b",)]
    assert exported(rig, "count(event_id)") == [(0,)]


def test_export_is_one_state_of_the_table(rig: ArchiveRig) -> None:
    """A writer replaces all rows of the day in each transaction; no export mixes two of them."""
    meters = [f"m-{number}" for number in range(20_000)]
    stop = threading.Event()

    def lines(value: int) -> bytes:
        return "".join(f"{reading(meter, value)}\n" for meter in meters).encode()

    def write() -> None:
        value = 1
        while not stop.is_set():
            value += 1
            rig.questdb.write(lines(value))

    rig.questdb.write(lines(1))
    rig.questdb.wait_applied("meter_usage")
    writer = threading.Thread(target=write)
    writer.start()
    try:
        seen = [exported(rig, "count(*), min(kwh), max(kwh)")[0] for _ in range(12)]
    finally:
        stop.set()
        writer.join()
    rig.questdb.wait_applied("meter_usage")
    assert all(rows == len(meters) and low == high for rows, low, high in seen)
    assert len(set(seen)) > 1, "nothing was written meanwhile: this shows nothing"


def test_refusal_and_absence_are_told(questdb: TestQuestDB, tmp_path: Path) -> None:
    server = QuestDBHttp("127.0.0.1", questdb.http_port, PLAIN)
    with pytest.raises(OperatorError, match=r"refused an export \(400\): table does not exist"):
        export(server, "SELECT * FROM nothing", tmp_path / "x")
    with pytest.raises(OperatorError, match="table does not exist"):
        ask(server, "SELECT * FROM nothing")
    away = QuestDBHttp("127.0.0.1", 1, PLAIN)
    with pytest.raises(QuestDBUnavailable, match=r"check questdb\.ilp_http_addr"):
        export(away, "SELECT 1", tmp_path / "x")
