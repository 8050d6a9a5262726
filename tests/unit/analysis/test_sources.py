"""What a configuration says about where rows come from, and texts of every type that do."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.conftest import TestQuestDB
from tests.unit.analysis.live_sources import sources

from utility_ts_analytics.analysis.engine import Analysis
from utility_ts_analytics.analysis.sources import sources_of
from utility_ts_analytics.config import parse_config
from utility_ts_analytics.errors import ConfigError
from utility_ts_analytics.queries.time_range import TimeRange


def test_questdb_archive_and_tables_are_those_of_the_configuration(tmp_path: Path) -> None:
    tables = {
        "questdb": {"uri": "postgresql://a:b@db:8813/qdb", "ilp_http_addr": "db:9001"},
        "archive": {"dir": str(tmp_path), "shard": "north"},
        "meter_usage": {"name": "readings"},
    }
    found = sources_of(parse_config(tables, {}), fresh=True)

    assert (found.archive, found.shard, found.fresh) == (tmp_path, "north", True)
    assert found.server is not None
    assert found.server.address == "db:9001"
    assert found.pg_uri == "postgresql://a:b@db:8813/qdb"
    assert found.name_of("meter_usage") == "readings"
    assert found.name_of("meters") == "meters"
    assert "a:b" not in repr(found)


def test_no_archive_is_none_and_one_that_is_not_there_yet_too(tmp_path: Path) -> None:
    found = sources_of(parse_config({}, {}))
    assert (found.archive, found.fresh) == (None, False)
    assert sources_of(parse_config({}, {}), archive=tmp_path / "later").archive is None


def test_archive_alone_has_no_server(tmp_path: Path) -> None:
    found = sources_of(parse_config({}, {}), archive=tmp_path, offline=True)
    assert (found.archive, found.server, found.pg_uri) == (tmp_path, None, "")
    with pytest.raises(ConfigError, match="--offline: needs an archive"):
        sources_of(parse_config({}, {}), offline=True)


NOON = datetime(2024, 3, 1, 12, tzinfo=UTC)
TABLE = "readings_with_texts"


@pytest.fixture(params=["SYMBOL", "VARCHAR"])
def table(questdb: TestQuestDB, request: pytest.FixtureRequest) -> Iterator[str]:
    """Two readings with short texts, the type of QuestDB 9.3.4 that it exports as NULL included."""
    questdb.query(
        f"CREATE TABLE {TABLE} (ts TIMESTAMP, meter_id {request.param}, kwh DOUBLE,"
        f" quality_flag {request.param}) TIMESTAMP(ts) PARTITION BY DAY WAL"
    )
    questdb.query(
        f"INSERT INTO {TABLE} VALUES ('2024-03-01T12:00', 'm1', 1.5, 'E'),"
        " ('2024-03-01T12:15', 'm2', 2.5, null)"
    )
    questdb.wait_applied(TABLE)
    yield TABLE
    questdb.query(f"DROP TABLE {TABLE}")


@pytest.mark.questdb
def test_short_texts_and_nulls_arrive(questdb: TestQuestDB, table: str) -> None:
    rows = replace(sources(questdb), tables={"meter_usage": table})
    with Analysis(rows, TimeRange(NOON, NOON + timedelta(hours=1))) as analysis:
        answer = analysis.ask("estimated_share", group="meter").to_pylist()

    columns = ("group_name", "readings", "estimated", "not_stated")
    found = [tuple(row[name] for name in columns) for row in answer]
    assert found == [("m1", 1, 1, 0), ("m2", 1, 0, 1)]
