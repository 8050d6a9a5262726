"""Which rows come from the archive and which from a real QuestDB."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import duckdb
import pytest
from tests.conftest import TestQuestDB
from tests.unit.analysis.live_sources import sources
from tests.unit.archive.archive_rig import DAY, ArchiveRig, reading

from utility_ts_analytics.analysis import sources as analysis_sources
from utility_ts_analytics.analysis.engine import Analysis
from utility_ts_analytics.analysis.sources import Origin, RowFiles, Sources
from utility_ts_analytics.analysis.tables import COMMITS
from utility_ts_analytics.archive.export import QuestDBHttp, ask
from utility_ts_analytics.archive.folder import state_path
from utility_ts_analytics.errors import QuestDBUnavailable
from utility_ts_analytics.queries.time_range import TimeRange

pytestmark = pytest.mark.questdb

NEXT = DAY + timedelta(days=1)


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def days(first: date, count: int) -> TimeRange:
    return TimeRange(midnight(first), midnight(first) + timedelta(days=count))


class Looked:
    """The rows of meter_usage of some days, and where they came from."""

    def __init__(self, sources: Sources, period: TimeRange, folder: Path) -> None:
        self.folder = folder
        self.files, self.origin = RowFiles(sources, folder).of_period("meter_usage", period)

    @property
    def counts(self) -> tuple[int, int]:
        return self.origin.archived_days, self.origin.fresh_days

    @property
    def exports(self) -> int:
        return sum(path.parent == self.folder for path in self.files)

    def rows(self) -> list[tuple[object, ...]]:
        paths = [str(path) for path in self.files]
        return duckdb.execute(
            f"SELECT meter_id, kwh FROM read_parquet({paths}, union_by_name = true) ORDER BY ALL"
        ).fetchall()


def archived(questdb: TestQuestDB, tmp_path: Path) -> ArchiveRig:
    """Two archived days: a and b on the first, a on the second."""
    questdb.truncate("meter_usage")
    root = tmp_path / "archive"
    root.mkdir()
    rig = ArchiveRig(questdb, root)
    rig.write(reading("a", 1), reading("b", 2), reading("a", 5, day=1))
    rig.update()
    return rig


@pytest.fixture
def rig(logging_questdb: TestQuestDB, tmp_path: Path) -> ArchiveRig:
    """Of a QuestDB that knows which days a commit touched."""
    return archived(logging_questdb, tmp_path)


@pytest.fixture
def forgetful_rig(questdb: TestQuestDB, tmp_path: Path) -> ArchiveRig:
    """Of one that only knows whether anything was committed at all."""
    return archived(questdb, tmp_path)


def look(rig: ArchiveRig, tmp_path: Path, period: TimeRange | None = None) -> Looked:
    folder = tmp_path / "exported"
    folder.mkdir(exist_ok=True)
    return Looked(sources(rig.questdb, rig.root), period or days(DAY, 2), folder)


def test_days_that_did_not_change_are_read_from_the_archive(
    rig: ArchiveRig, tmp_path: Path
) -> None:
    looked = look(rig, tmp_path)
    assert looked.files == [rig.path(), rig.path(NEXT)]
    assert looked.origin == Origin("meter_usage", 2, 0, None)


def test_correction_after_the_pass_is_seen(rig: ArchiveRig, tmp_path: Path) -> None:
    rig.write(reading("b", 3))
    looked = look(rig, tmp_path)
    assert looked.counts == (1, 1)
    assert rig.path() not in looked.files
    assert looked.rows() == [("a", 1.0), ("a", 5.0), ("b", 3.0)]
    rig.update()
    assert look(rig, tmp_path).counts == (2, 0)


def test_answer_holds_the_correction_and_says_where_rows_came_from(rig: ArchiveRig) -> None:
    rig.write(reading("b", 3))
    with Analysis(sources(rig.questdb, rig.root), days(DAY, 2)) as analysis:
        answer = analysis.ask("load", every="1 day").column("kwh").to_pylist()
        origin = analysis.origins["meter_usage"]
    assert answer == [4.0, 5.0]
    assert (origin.archived_days, origin.fresh_days) == (1, 1)


def test_fresh_days_that_follow_each_other_are_one_export(rig: ArchiveRig, tmp_path: Path) -> None:
    """Days before and after the archived ones, each run in one answer of QuestDB."""
    rig.write(reading("c", 7, day=2), reading("c", 8, day=3))
    rig.write(reading("c", 6, day=-1))
    looked = look(rig, tmp_path, days(DAY - timedelta(days=2), 6))
    assert looked.counts == (2, 4)
    assert looked.exports == 2
    assert looked.rows() == [
        ("a", 1.0),
        ("a", 5.0),
        ("b", 2.0),
        ("c", 6.0),
        ("c", 7.0),
        ("c", 8.0),
    ]


def test_period_takes_whole_days_and_not_that_of_its_end(rig: ArchiveRig, tmp_path: Path) -> None:
    noon = midnight(DAY) + timedelta(hours=12)
    assert look(rig, tmp_path, TimeRange(noon, midnight(NEXT))).files == [rig.path()]
    later = TimeRange(noon, midnight(NEXT) + timedelta(microseconds=1))
    assert look(rig, tmp_path, later).files == [rig.path(), rig.path(NEXT)]


def test_without_a_known_state_only_final_days_count(rig: ArchiveRig, tmp_path: Path) -> None:
    """Nobody can say what changed since: today is not final and is asked anew."""
    today = datetime.now(tz=UTC).date()
    rig.write(reading("a", 9, day=(today - DAY).days))
    rig.update()
    assert look(rig, tmp_path, days(today, 1)).counts == (1, 0)
    state_path(rig.root, "meter_usage", "main").unlink()
    final = look(rig, tmp_path)
    assert final.counts == (2, 0)
    assert final.origin.as_of is not None
    assert midnight(today) <= final.origin.as_of <= datetime.now(tz=UTC)
    looked = look(rig, tmp_path, days(today, 1))
    assert looked.counts == (0, 1)
    assert looked.origin.as_of is None


def test_questdb_that_cannot_tell_what_changed_is_not_asked_for_final_days(
    forgetful_rig: ArchiveRig, tmp_path: Path
) -> None:
    """So a correction waits for the next pass and the answer says of when it is; unless `fresh`."""
    before = look(forgetful_rig, tmp_path)
    assert (before.counts, before.origin.as_of) == ((2, 0), None)
    forgetful_rig.write(reading("b", 3))
    looked = look(forgetful_rig, tmp_path)
    assert looked.counts == (2, 0)
    assert looked.origin.as_of is not None
    assert ("b", 2.0) in looked.rows()
    fresh = Looked(
        replace(sources(forgetful_rig.questdb, forgetful_rig.root), fresh=True),
        days(DAY, 2),
        looked.folder,
    )
    assert (fresh.counts, fresh.origin.as_of) == ((0, 2), None)
    assert ("b", 3.0) in fresh.rows()
    forgetful_rig.update()
    after = look(forgetful_rig, tmp_path)
    assert after.origin.as_of is None
    assert ("b", 3.0) in after.rows()


def test_dropped_days_are_read_from_the_archive(rig: ArchiveRig, tmp_path: Path) -> None:
    """Also after a late row came for one: QuestDB has nothing else of it."""
    assert rig.drop_before(NEXT).dropped == [f"meter_usage {DAY}"]
    looked = look(rig, tmp_path)
    assert looked.counts == (2, 0)
    assert looked.rows() == [("a", 1.0), ("a", 5.0), ("b", 2.0)]
    rig.write(reading("late", 4))
    assert look(rig, tmp_path).files[0] == rig.path()
    rig.update()
    assert ("late", 4.0) in look(rig, tmp_path).rows()


def test_archive_alone_says_of_when_it_is(rig: ArchiveRig, tmp_path: Path) -> None:
    rig.write(reading("a", 9))
    looked = Looked(Sources(rig.root), days(DAY, 2), tmp_path)
    assert looked.counts == (2, 0)
    assert looked.origin.as_of is not None
    assert looked.rows() == [("a", 1.0), ("a", 5.0), ("b", 2.0)]


def test_rows_of_other_shards_are_added(rig: ArchiveRig, tmp_path: Path) -> None:
    """This QuestDB is not theirs: it says nothing about their days."""
    rig.questdb.truncate("meter_usage")
    rig.write(reading("e", 3))
    ArchiveRig(rig.questdb, rig.root, shard="east").update()
    east = Sources(rig.root, "east", rig.job.server, rig.questdb.pg_uri)
    looked = Looked(east, days(DAY, 2), tmp_path)
    assert looked.rows() == [("a", 1.0), ("a", 5.0), ("b", 2.0), ("e", 3.0)]
    assert looked.counts == (1, 1)


def test_heads_are_looked_for_in_the_days_before(questdb: TestQuestDB, tmp_path: Path) -> None:
    """Of their measurements, active power alone is fetched."""
    questdb.truncate("network_measurements")
    first = midnight(DAY)
    questdb.query(
        "INSERT INTO network_measurements (ts, node_id, feeder_id, quantity, value, unit) VALUES "
        + ", ".join(
            f"('{(first - timedelta(days=ago)).date()}', 'n-{ago}', 'F', '{quantity}', 1.0, 'MW')"
            for ago, quantity in ((31, "active_power"), (32, "active_power"), (1, "voltage"))
        )
    )
    questdb.wait_applied("network_measurements")
    files, origin = RowFiles(sources(questdb), tmp_path).of_period(
        "network_measurements", days(DAY, 1)
    )
    assert origin.fresh_days == 32
    found = duckdb.execute(f"SELECT node_id FROM read_parquet({[str(path) for path in files]})")
    assert found.fetchall() == [("n-31",)]


def test_small_tables_come_whole_and_nothing_comes_from_nowhere(
    questdb: TestQuestDB, tmp_path: Path
) -> None:
    questdb.truncate("meters")
    questdb.query("INSERT INTO meters (valid_from, meter_id, status) VALUES ('2020', 'm', 'on')")
    questdb.wait_applied("meters")
    (path,) = RowFiles(sources(questdb), tmp_path).of_table("meters")
    found = duckdb.execute(f"SELECT meter_id, status, rated_kva FROM '{path}'").fetchall()
    assert found == [("m", "on", None)]
    assert RowFiles(Sources(None), tmp_path).of_table("meters") == []
    assert RowFiles(Sources(tmp_path), tmp_path).of_table(COMMITS) == []


def test_table_may_have_another_name_in_questdb(questdb: TestQuestDB, tmp_path: Path) -> None:
    questdb.truncate("meter_usage")
    questdb.query("CREATE TABLE IF NOT EXISTS other_usage AS (SELECT * FROM meter_usage)")
    try:
        questdb.query("INSERT INTO other_usage (ts, meter_id, kwh) VALUES ('2024-03-01', 'o', 4)")
        given = sources(questdb)
        named = Sources(
            None, "main", given.server, given.pg_uri, tables={"meter_usage": "other_usage"}
        )
        assert named.name_of("meters") == "meters"
        assert Looked(named, days(DAY, 1), tmp_path).rows() == [("o", 4.0)]
    finally:
        questdb.query("DROP TABLE other_usage")


def test_types_of_all_columns_are_asked_for_once(
    questdb: TestQuestDB, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def counted(server: QuestDBHttp, sql: str) -> list[list[object]]:
        asked.append(sql)
        return ask(server, sql)

    monkeypatch.setattr(analysis_sources, "ask", counted)
    files = RowFiles(sources(questdb), tmp_path)
    for table in ("meters", "plants", "customers"):
        files.of_table(table)
    assert len(asked) == 1


def test_questdb_that_is_away_is_told(own_questdb: TestQuestDB, tmp_path: Path) -> None:
    gone = sources(own_questdb)
    own_questdb.stop()
    with pytest.raises(QuestDBUnavailable):
        RowFiles(gone, tmp_path).of_period("meter_usage", days(DAY, 1))


def test_secret_is_not_in_the_text_of_sources() -> None:
    assert "quest" not in repr(Sources(None, pg_uri="postgresql://admin:quest@host/qdb"))
