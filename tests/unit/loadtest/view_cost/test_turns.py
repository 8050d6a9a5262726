"""A turn on a real QuestDB leaves views that are right, and counts what was sent."""

import contextlib
from datetime import UTC, datetime

import pytest
from loadtest.questdb_rest import QuestDBRest
from loadtest.view_cost.__main__ import report
from loadtest.view_cost.day import interval_by_interval
from loadtest.view_cost.turns import MODES, Figures, Mode, Rig
from tests.conftest import TestQuestDB


@pytest.mark.questdb
def test_a_turn_of_each_way_ends_with_views_that_hold_all_rows(questdb: TestQuestDB) -> None:
    midnight = datetime.now(tz=UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    day = interval_by_interval(meters=25, intervals=2, parts=1, midnight=midnight)
    try:
        with (
            QuestDBRest(questdb.http_port) as rest,
            contextlib.closing(Rig(questdb.running, rest, day)) as rig,
        ):
            # Fails by itself where a view lacks a row.
            turns = [rig.run_turn(mode, paced=True) for mode in (MODES[0], MODES[4], MODES[6])]
    finally:
        for view in ("hourly", "daily"):
            questdb.query(f"DROP MATERIALIZED VIEW IF EXISTS meter_usage_{view}")
        questdb.truncate("meter_usage")
    assert [turn.rows for turn in turns] == [51, 51, 51]
    assert all(turn.written_rows >= turn.rows and turn.rss_bytes > 10**8 for turn in turns)


def test_modes_refresh_as_they_say() -> None:
    statements = {mode.name: " ".join(mode.create_sql()) for mode in MODES}
    assert statements["no views"] == ""
    assert statements["both, at once"].count("REFRESH IMMEDIATE AS") == 2
    assert "PERIOD" not in statements["both, 15 min"]
    assert statements["both, 15 min, ended days"].count("PERIOD (LENGTH 1d") == 1
    assert "network_measurements" not in "".join(statements.values())


def test_report_has_the_best_turn_of_each_way() -> None:
    def turn(mode: Mode, *, paced: bool, seconds: float) -> tuple[Mode, bool, Figures]:
        figures = Figures(
            rows=1_000_000,
            elapsed_s=seconds,
            cpu_s=seconds,
            written_rows=2_500_000,
            rss_bytes=2**30,
        )
        return mode, paced, figures

    turns = [
        turn(mode, paced=paced, seconds=seconds)
        for mode in MODES
        for paced, seconds in ((False, 2.0), (False, 4.0), (True, 8.0))
    ]
    lines = list(report(turns))
    assert lines[2] == "| no views | 500,000 | 2.00 | 8.00 | 2.5 | 1024 |"
    assert len(lines) == 2 + len(MODES)
