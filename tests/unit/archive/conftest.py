"""An archive beside an empty `meter_usage` of the session's QuestDB."""

from pathlib import Path

import pytest
from tests.conftest import TestQuestDB
from tests.unit.archive.archive_rig import ArchiveRig


@pytest.fixture
def rig(questdb: TestQuestDB, tmp_path: Path) -> ArchiveRig:
    questdb.truncate("meter_usage")
    root = tmp_path / "archive"
    root.mkdir()
    return ArchiveRig(questdb, root)
