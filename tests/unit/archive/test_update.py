"""Passes over a real QuestDB: what is written, what is left, and that no row leaves the archive."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from tests.conftest import TestQuestDB
from tests.unit.archive.archive_rig import DAY, ArchiveRig, reading

from utility_ts_analytics.archive.contents import days_of

NEXT = DAY + timedelta(days=1)


def test_first_pass_writes_every_day_and_the_next_one_reads_none(rig: ArchiveRig) -> None:
    rig.write(reading("b", 2), reading("a", 1.5), reading("a", 3, day=1))
    first = rig.update()
    assert (first.files, first.written, first.rows) == (2, 2, 3)
    assert rig.rows() == [("a", 1.5), ("b", 2.0)]
    again = rig.update()
    assert (again.written, again.compared, again.known) == (0, 0, 2)


def test_rows_of_a_meter_lie_together_and_columns_are_what_questdb_has(rig: ArchiveRig) -> None:
    texts = ',premise_id="",quality_flag="VALID"'
    rig.write(*(reading(meter, 1, minute=m, more=texts) for m in (15, 0) for meter in "ba"))
    rig.update()
    stored = duckdb.read_parquet(str(rig.path()), hive_partitioning=False)
    assert [row[1] for row in stored.fetchall()] == ["a", "a", "b", "b"]
    assert stored.columns == [
        "ts",
        "meter_id",
        "premise_id",
        "kwh",
        "kvarh",
        "kva_demand",
        "quality_flag",
        "source_system",
    ]
    first = stored.fetchall()[0]
    assert first[0].astimezone(UTC) == datetime(2024, 3, 1, tzinfo=UTC)
    assert first[1:] == ("a", "", 1.0, None, None, "VALID", None)


def test_correction_that_keeps_count_and_sum_is_seen(rig: ArchiveRig) -> None:
    rig.write(reading("a", 1), reading("b", 2), reading("a", 5, day=1))
    rig.update()
    rig.write(reading("a", 2), reading("b", 1))
    report = rig.update()
    assert (report.written, report.compared) == (1, 1)
    assert rig.rows() == [("a", 2.0), ("b", 1.0)]


def test_late_row_of_a_dropped_day_replaces_no_archived_row(rig: ArchiveRig) -> None:
    rig.write(reading("a", 1), reading("b", 2), reading("a", 5, day=1))
    rig.update()
    rig.questdb.query(f"ALTER TABLE meter_usage DROP PARTITION LIST '{DAY}'")
    rig.write(reading("b", 7), reading("c", 3))
    report = rig.update()
    assert rig.rows() == [("a", 1.0), ("b", 7.0), ("c", 3.0)]
    assert report.kept == {str(rig.path()): 1}
    # QuestDB's part has not changed since, so the file is not written again.
    assert rig.update().known == 2
    rig.write(reading("a", 6, day=1))
    report = rig.update()
    assert (report.written, report.compared) == (1, 1)


def test_day_that_is_gone_from_questdb_stays_archived(rig: ArchiveRig) -> None:
    rig.write(reading("a", 1), reading("a", 5, day=1))
    rig.update()
    before = rig.path().read_bytes()
    rig.questdb.query(f"ALTER TABLE meter_usage DROP PARTITION LIST '{DAY}'")
    rig.questdb.wait_applied("meter_usage")
    assert rig.update().files == 1
    assert rig.path().read_bytes() == before


def test_day_of_today_is_not_final_and_becomes_so_later(rig: ArchiveRig) -> None:
    today = datetime.now(tz=UTC).date()
    rig.write(reading("a", 1, day=(today - DAY).days), reading("a", 2))
    assert rig.update().not_final == [today]
    assert [day.final for day in days_of(rig.root, "meter_usage", DAY, today)] == [True, False]
    object.__setattr__(rig.job, "final_after_hours", -48)
    report = rig.update()
    assert (report.written, report.not_final) == (1, [])


def test_event_ids_are_kept_on_request_and_every_day_is_written_for_them(rig: ArchiveRig) -> None:
    own = ',event_id="0f0f0f0f-0000-4000-8000-000000000001"'
    rig.write(reading("a", 1, more=own))
    rig.update()
    with_ids = ArchiveRig(rig.questdb, rig.root, event_ids=True)
    assert with_ids.update().written == 1
    assert rig.rows(columns="event_id") == [("0f0f0f0f-0000-4000-8000-000000000001",)]


def test_damaged_file_is_named_and_the_other_days_are_archived(rig: ArchiveRig) -> None:
    rig.write(reading("a", 1), reading("a", 5, day=1))
    rig.update()
    rig.path().write_bytes(b"PAR1 half of it")
    rig.write(reading("a", 6, day=1), reading("a", 7, day=2))
    report = rig.update()
    assert report.written == 2
    assert len(report.problems) == 1
    assert str(rig.path()) in report.problems[0]
    assert "move it away" in report.problems[0]
    assert rig.path().read_bytes() == b"PAR1 half of it"
    # Its day is not forgotten: the file is gone, and the next pass writes it.
    rig.path().unlink()
    assert rig.update().written == 1


def test_two_shards_fill_one_archive(rig: ArchiveRig) -> None:
    rig.write(reading("a", 1))
    rig.update()
    rig.questdb.truncate("meter_usage")
    rig.write(reading("b", 2))
    other = ArchiveRig(rig.questdb, rig.root, shard="east")
    assert other.update().written == 1
    assert rig.rows() == [("a", 1.0), ("b", 2.0)]
    shards = [day.shard for day in days_of(rig.root, "meter_usage", DAY, DAY)]
    assert shards == ["east", "main"]


def test_table_without_rows_makes_no_file(rig: ArchiveRig) -> None:
    assert rig.update().files == 0
    assert not list(rig.root.rglob("*.parquet"))


def test_leftovers_of_killed_runs_are_removed_and_those_of_others_are_not(rig: ArchiveRig) -> None:
    rig.write(reading("a", 1))
    rig.update()
    folder = rig.path().parent
    mine = [folder / ".main.parquet.new", folder.parent / ".main.export"]
    other = folder / ".east.parquet.new"
    for path in (*mine, other):
        path.write_bytes(b"x")
    rig.update()
    assert [path.exists() for path in mine] == [False, False]
    assert other.exists()


def test_set_back_database_is_compared_again(rig: ArchiveRig) -> None:
    """The number of a transaction comes again after a restore of QuestDB; its time does not."""
    rig.write(reading("a", 1))
    rig.update()
    state = rig.root / "meter_usage" / ".main.state.json"
    text = json.loads(state.read_text())
    text["moment"]["committed_at"] = "2020-01-01T00:00:00+00:00"
    state.write_text(json.dumps(text))
    rig.write(reading("a", 2, day=1))
    assert rig.update().compared == 1


def test_reference_table_is_one_file(questdb: TestQuestDB, tmp_path: Path) -> None:
    questdb.truncate("meter_scale_map")
    rig = ArchiveRig(questdb, tmp_path, "meter_scale_map")
    line = "meter_scale_map,meter_id={},reason=ct_ratio scale_factor=40.0 1672531200000000000"
    rig.write(line.format("m-1"), table="meter_scale_map")
    assert rig.update().written == 1
    assert rig.update().known == 1
    rig.write(line.format("m-2"), table="meter_scale_map")
    assert rig.update().rows == 2
    path = tmp_path / "meter_scale_map" / "main.parquet"
    assert duckdb.execute(f"SELECT meter_id FROM '{path}'").fetchall() == [("m-1",), ("m-2",)]
    # An empty QuestDB takes nothing away.
    questdb.truncate("meter_scale_map")
    assert rig.update().written == 0
    assert path.exists()


def test_other_readers_find_instants_in_utc_and_texts(rig: ArchiveRig) -> None:
    rig = ArchiveRig(rig.questdb, rig.root, event_ids=True)
    own = "0f0f0f0f-0000-4000-8000-000000000001"
    rig.write(reading("a", 1.5, minute=15, more=f',event_id="{own}",premise_id="p"'))
    rig.update()
    instant = datetime(2024, 3, 1, 0, 15, tzinfo=UTC)
    polars_frame = pl.read_parquet(rig.path())
    assert polars_frame.schema["ts"] == pl.Datetime("us", "UTC")
    assert polars_frame.row(0)[:4] == (instant, own, "a", "p")
    pandas_frame = pd.read_parquet(rig.path())
    assert str(pandas_frame["ts"].dt.tz) == "UTC"
    assert pandas_frame["ts"][0] == instant
    schema = pq.read_schema(rig.path())
    assert schema.field("ts").type == pa.timestamp("us", tz="UTC")
    assert {schema.field(name).type for name in ("event_id", "meter_id")} == {pa.string()}
    # Spark takes these types: INT64 with an annotation in microseconds, texts as UTF8.
    column = pq.ParquetFile(rig.path()).schema.column(0)
    assert (column.physical_type, column.converted_type) == ("INT64", "TIMESTAMP_MICROS")
    assert json.loads(str(column.logical_type.to_json()))["isAdjustedToUTC"] is True
    compressions = {
        pq.ParquetFile(rig.path()).metadata.row_group(0).column(index).compression
        for index in range(len(schema))
    }
    assert compressions == {"ZSTD"}
