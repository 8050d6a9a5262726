"""What an archive holds, by the metadata of its files."""

import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from tests.unit.archive.archive_rig import DAY, ArchiveRig, reading

from utility_ts_analytics.archive.contents import (
    Facts,
    days_of,
    facts_of_text,
    facts_text,
    reference_of,
)
from utility_ts_analytics.errors import OperatorError

FOREVER = (date(1970, 1, 1), date(9999, 12, 31))


def test_days_are_listed_from_first_to_last(rig: ArchiveRig) -> None:
    rig.write(*(reading("a", 1, day=day) for day in range(3)), reading("b", 2, day=1))
    rig.update()
    second, third = DAY + timedelta(days=1), DAY + timedelta(days=2)
    days = days_of(rig.root, "meter_usage", second, third)
    assert [(day.day, day.rows, day.final) for day in days] == [(second, 2, True), (third, 1, True)]
    assert days[0].path == rig.path(second)
    assert days[0].table == "meter_usage"
    assert days[0].exported_at.utcoffset() == timedelta()
    assert days_of(rig.root, "meter_usage", DAY, DAY)[0].day == DAY
    assert len(days_of(rig.root, "meter_usage", *FOREVER)) == 3
    assert days_of(rig.root, "generation_output", *FOREVER) == []


def test_damaged_foreign_and_misplaced_files_are_named(rig: ArchiveRig) -> None:
    rig.write(reading("a", 1))
    rig.update()
    path = rig.path()
    hidden = path.with_name(".other.parquet.new")
    hidden.write_bytes(b"half")
    assert len(days_of(rig.root, "meter_usage", DAY, DAY)) == 1
    foreign = path.with_name("foreign.parquet")
    foreign.write_bytes(b"PAR1")
    with pytest.raises(OperatorError, match=r"foreign\.parquet.*move it away"):
        days_of(rig.root, "meter_usage", DAY, DAY)
    foreign.unlink()
    elsewhere = rig.path(DAY + timedelta(days=1))
    elsewhere.parent.mkdir()
    shutil.copy(path, elsewhere)
    with pytest.raises(OperatorError, match="its metadata says meter_usage of 2024-03-01"):
        days_of(rig.root, "meter_usage", *FOREVER)


def test_reference_files_are_those_of_all_shards(tmp_path: Path) -> None:
    folder = tmp_path / "meters"
    folder.mkdir()
    for name in ("main.parquet", "east.parquet", ".main.state.json", ".x.parquet.new"):
        (folder / name).touch()
    assert [path.name for path in reference_of(tmp_path, "meters")] == [
        "east.parquet",
        "main.parquet",
    ]
    assert reference_of(tmp_path, "plants") == []


def test_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"no such folder; check archive\.dir"):
        days_of(tmp_path / "none", "meter_usage", DAY, DAY)
    with pytest.raises(OperatorError, match=r"no such folder"):
        reference_of(tmp_path / "none", "meters")


FACTS = Facts(
    table="meter_usage",
    day=date(2024, 3, 1),
    shard="main",
    rows=3,
    digest="3-aa-bb",
    source_digest="3-aa-bb",
    digest_by="duckdb-2.0.1",
    columns="ts:TIMESTAMP",
    final=True,
    exported_at=datetime(2024, 3, 4, tzinfo=UTC),
    directory="meter_usage~6",
    txn=7,
    committed_at="2024-03-04T00:00:00+00:00",
)


def test_facts_survive_their_text() -> None:
    assert facts_of_text(facts_text(FACTS)) == FACTS


def test_other_formats_and_other_texts_are_refused() -> None:
    later = facts_text(FACTS).replace('"format":1', '"format":2')
    with pytest.raises(ValueError, match="format 2, this version reads format 1"):
        facts_of_text(later)
    for text in ("", "{}", b"\xff", '{"format":1}'):
        with pytest.raises(ValueError, match="cannot be read"):
            facts_of_text(text)
