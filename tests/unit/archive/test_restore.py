"""Restored tables equal what they were, row by row."""

from pathlib import Path

import pytest
from tests.conftest import TestQuestDB
from tests.unit.archive.archive_rig import DAY_NS, ArchiveRig, reading

from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.reading.lines import LineBlock
from utility_ts_analytics.reading.ndjson import NdjsonDecoder
from utility_ts_analytics.records.streams import STREAMS
from utility_ts_analytics.records.validation import TS_END
from utility_ts_analytics.sinks.ilp.encode import row_encoder

READINGS = rb"""
{"ts":"2024-03-01T00:00:00Z","meter_id":"m 1,=","kwh":0.1,"premise_id":"","quality_flag":"a\"b\\"}
{"ts":"2024-03-01T00:00:00.000001Z","meter_id":"m 1,=","kwh":-0.0,"kvarh":1e-300}
{"ts":"2024-03-02T23:45:00Z","meter_id":"\u00e4\n2","kwh":12345678.901234567,"source_system":"x"}
"""


def write_readings(rig: ArchiveRig) -> None:
    spec = STREAMS["meter_usage"]
    decoder = NdjsonDecoder(spec, spec.signed_record_type)
    decoded = decoder.decode(LineBlock.of(READINGS.strip(), 1), ts_end=TS_END)
    assert len(decoded.rows) == 3
    rig.questdb.write(row_encoder("meter_usage")(decoded.rows))
    rig.questdb.wait_applied("meter_usage")


def everything(rig: ArchiveRig, table: str = "meter_usage") -> list[tuple[object, ...]]:
    return rig.questdb.query(f"SELECT * FROM {table}")


@pytest.mark.parametrize("event_ids", [False, True])
def test_readings_come_back_with_their_event_ids(rig: ArchiveRig, event_ids: bool) -> None:
    rig = ArchiveRig(rig.questdb, rig.root, event_ids=event_ids)
    write_readings(rig)
    before = everything(rig)
    assert all(row[1] is not None for row in before)
    rig.update()
    rig.questdb.truncate("meter_usage")
    report = rig.restore()
    assert (report.files, report.written, report.rows, report.problems) == (2, 2, 3, [])
    assert everything(rig) == before
    assert rig.verify().differences == []


def test_restore_that_was_cut_off_goes_on(rig: ArchiveRig) -> None:
    write_readings(rig)
    before = everything(rig)
    rig.update()
    rig.questdb.truncate("meter_usage")
    rig.restore()
    # As after a kill between two days.
    rig.questdb.query("ALTER TABLE meter_usage DROP PARTITION LIST '2024-03-02'")
    rig.questdb.wait_applied("meter_usage")
    report = rig.restore()
    assert (report.files, report.written) == (2, 1)
    assert everything(rig) == before


def test_partly_restored_day_is_sent_again(rig: ArchiveRig) -> None:
    rig.write(*(reading(f"m-{number}", number) for number in range(5)))
    rig.update()
    rig.questdb.truncate("meter_usage")
    rig.write(reading("m-3", 3))
    rig.restore()
    assert len(everything(rig)) == 5


def test_table_with_other_rows_is_refused_and_left(rig: ArchiveRig) -> None:
    rig.write(reading("a", 1))
    rig.update()
    rig.write(reading("a", 2))
    with pytest.raises(OperatorError, match="restore into an empty table"):
        rig.restore()
    rig.questdb.truncate("meter_usage")
    rig.write(reading("a", 1, day=5))
    with pytest.raises(OperatorError, match="2024-03-06, which is not archived"):
        rig.restore()
    assert len(everything(rig)) == 1


def test_tables_of_other_types_come_back(questdb: TestQuestDB, tmp_path: Path) -> None:
    tables = ("feeder_energy_balance", "plants", "meter_events")
    questdb.truncate(*tables)
    at = DAY_NS
    questdb.write(
        "feeder_energy_balance,feeder_id=F\\ 1 interval_minutes=15i,computed_at=1700000000000001t"
        f" {at}\n"
        f"feeder_energy_balance,feeder_id=F2 loss_kwh=-0.1,loss_pct=1e-7 {at}\n"
        f'plants,plant_id=P name="N, \\"x\\"=1",units=3i,capacity_mw=1e20 {at}\n'
        f'meter_events,meter_id=m,event_type=t event_id="0f0f0f0f-0000-4000-8000-000000000001"'
        f" {at}\n".encode()
    )
    for table in tables:
        questdb.wait_applied(table)
    rig = ArchiveRig(questdb, tmp_path, *tables)
    before = [everything(rig, table) for table in tables]
    assert [len(rows) for rows in before] == [2, 1, 1]
    rig.update()
    questdb.truncate(*tables)
    assert rig.restore().problems == []
    assert [everything(rig, table) for table in tables] == before
