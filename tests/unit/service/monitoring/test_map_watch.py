"""What is warned of, and what is not: numbers of decision 0025."""

import asyncio

import pytest
from tests.conftest import TestQuestDB

from utility_ts_analytics.clock import ManualClock
from utility_ts_analytics.config import Config, parse_config
from utility_ts_analytics.database.memory_maps import MemoryMaps, PartitionedTable
from utility_ts_analytics.service.monitoring.map_watch import (
    MapFacts,
    MapWatch,
    limit_text,
    look,
    partitions_text,
    warnings,
)

SYSCTL = "sysctl -w vm.max_map_count=1048576"
KEPT_SETTING = "cairo.inactive.reader.max.open.partitions"


def facts(
    days: int, *, limit: int | None = 65_530, used: int | None = 700, kept: int | None = 100
) -> MapFacts:
    tables = [
        PartitionedTable("meter_usage", days, 10),
        PartitionedTable("generation_output", days, 8),
        PartitionedTable("meter_events", 0, 5),
    ]
    return MapFacts(tables, kept, MemoryMaps(limit, used))


def test_four_years_of_both_streams_are_no_reason_to_warn() -> None:
    assert warnings(facts(1_461)) == []


def test_more_days_than_two_queries_can_map_are_reported_with_what_to_set() -> None:
    [warning] = warnings(facts(3_653))
    assert "3653 days of meter_usage and 3653 days of generation_output" in warning
    assert f"need {2_000 + 2 * 3_653 * 18}" in warning
    assert "this machine's vm.max_map_count is 65530" in warning
    assert SYSCTL in warning
    assert warnings(facts(3_653, limit=1_048_576)) == []


def test_maps_that_are_nearly_used_up_are_reported() -> None:
    [warning] = warnings(facts(10, used=50_000))
    assert "QuestDB has 50000 of 65530" in warning
    assert SYSCTL in warning


def test_a_questdb_that_keeps_what_it_mapped_is_reported() -> None:
    found = warnings(facts(3_653, kept=10_000))
    assert len(found) == 2
    assert f"set its {KEPT_SETTING} to 100" in found[1]
    assert warnings(facts(365, kept=10_000)) == []


def test_another_machine_is_judged_by_what_can_be_set_in_questdb_alone() -> None:
    away = MapFacts(facts(3_653).tables, 10_000, None)
    [warning] = warnings(away)
    assert KEPT_SETTING in warning
    assert "not on this machine" in limit_text(away)
    assert warnings(MapFacts(away.tables, 100, None)) == []


def test_texts_say_partitions_limit_and_use() -> None:
    known = facts(30)
    assert partitions_text(known) == "partitions: meter_usage 30, generation_output 30"
    assert partitions_text(facts(0)) == "partitions: none yet"
    assert "this machine's vm.max_map_count is 65530, QuestDB has 700 now" in limit_text(known)
    assert "has no vm.max_map_count" in limit_text(facts(30, limit=None))


def config_for(uri: str) -> Config:
    return parse_config({"questdb": {"uri": uri}}, {})


@pytest.mark.questdb
def test_maps_of_a_questdb_of_this_user_are_counted(questdb: TestQuestDB) -> None:
    found = asyncio.run(look(config_for(questdb.pg_uri)))
    assert found.maps is not None
    assert found.maps.used is not None
    assert found.maps.used > 100
    assert {"meter_usage", "generation_output"} <= {table.name for table in found.tables}


def test_warnings_stay_while_questdb_is_away() -> None:
    watch = MapWatch(
        config_for("postgresql://admin:quest@127.0.0.1:1/qdb").databases, ManualClock()
    )
    watch.found[""] = ["before"]
    asyncio.run(watch.look())
    assert watch.warnings == ["before"]
