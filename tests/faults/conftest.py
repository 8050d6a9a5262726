"""One stage for all faults: a QuestDB of its own, since faults kill and spoil it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from loadtest.faults.producers import Pace
from loadtest.faults.scale import Scale
from loadtest.faults.stage import Stage

SCALE = Scale(
    seconds=2.0,
    repetitions=1,
    slow_connections=150,
    pace=Pace(producers=4, body_rows=100, pause_s=0.1, wait_s_max=0.3),
)
"""Small: what a fault breaks, it breaks at once. `python -m loadtest faults` is the large one."""


def let_sleep(questdb: Path) -> None:
    """Have QuestDB's workers sleep soon: a stage takes no settings from the environment."""
    folder = questdb / "conf"
    folder.mkdir(parents=True)
    names = [name for name in os.environ if name.startswith("QDB_")]
    lines = [f"{name[4:].lower().replace('_', '.')}={os.environ[name]}\n" for name in names]
    (folder / "server.conf").write_text("".join(lines))


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """QuestDB, proxies, readings, and the service that each fault asks for."""
    folder = tmp_path_factory.mktemp("faults")
    let_sleep(folder / "questdb")
    with Stage(folder, SCALE) as stage:
        yield stage
