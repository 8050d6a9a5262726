"""A turn of a measurement: what it reports, and that work not done is no figure."""

import os
from pathlib import Path

import pytest
from loadtest.bench.turns import Side, Turns
from loadtest.client import Target
from loadtest.database import QuestDBRest
from loadtest.readings import split_bodies
from tests.process.running_service import QuestDBPorts

pytestmark = [pytest.mark.questdb, pytest.mark.process]

NANOSECONDS = 1_714_521_600_000_000_000


@pytest.fixture
def bench(database: QuestDBRest) -> Turns:
    return Turns(database, database_pid=os.getpid(), service_pid=os.getpid())


def direct_side(path: Path, port: int, lines: list[str]) -> Side:
    path.write_text("".join(lines))
    target = Target(port, "/write", "text/plain")
    return Side(
        name="direct", path=path, bodies=split_bodies(path, 2), target=target, connections=2
    )


def test_every_turn_starts_from_an_empty_table(
    bench: Turns, questdb: QuestDBPorts, tmp_path: Path
) -> None:
    lines = [f"meter_usage,meter_id=m-{n} kwh=1.0 {NANOSECONDS}\n" for n in range(5)]
    side = direct_side(tmp_path / "lines", questdb.http_port, lines)
    for _ in range(2):
        turn = bench.run_turn(side)
        assert (turn.side, turn.rows) == ("direct", 5)
        assert 0 < turn.acknowledged_s <= turn.visible_s
        assert turn.rows_per_s == pytest.approx(5 / turn.visible_s)
    assert bench.workers() == []


def test_rows_that_do_not_become_visible_are_no_figure(
    bench: Turns, questdb: QuestDBPorts, tmp_path: Path
) -> None:
    lines = [f"meter_usage,meter_id=m kwh={n}.0 {NANOSECONDS}\n" for n in range(2)]
    side = direct_side(tmp_path / "lines", questdb.http_port, lines)
    with pytest.raises(RuntimeError, match="2 rows were sent, 1 are visible"):
        bench.run_turn(side)


def test_refused_body_is_no_figure(bench: Turns, questdb: QuestDBPorts, tmp_path: Path) -> None:
    side = direct_side(tmp_path / "lines", questdb.http_port, ["nonsense\n"])
    with pytest.raises(RuntimeError, match="cannot measure the direct side: status 400"):
        bench.run_turn(side)
