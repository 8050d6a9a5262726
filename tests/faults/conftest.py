"""One stage for all faults: a QuestDB of its own, since faults kill and spoil it."""

from collections.abc import Iterator

import pytest
from loadtest.faults.producers import Pace
from loadtest.faults.scale import Scale
from loadtest.faults.stage import Stage

SCALE = Scale(
    seconds=2.0,
    repetitions=1,
    slow_connections=150,
    pace=Pace(producers=4, body_rows=100, pause_s=0.05, wait_s_max=0.3),
)
"""Small: what a fault breaks, it breaks at once. `python -m loadtest faults` is the large one."""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """QuestDB, proxies, readings, and the service that each fault asks for."""
    with Stage(tmp_path_factory.mktemp("faults"), SCALE) as stage:
        yield stage
