"""A QuestDB whose tables keep the times and rows of their commits, as infra sets it up."""

import os
from pathlib import Path

from tests.conftest import HEAP_MIB, TestQuestDB

from utility_ts_analytics.database.embedded_questdb.server import EmbeddedQuestDB


class LoggingQuestDB(TestQuestDB):
    """Knows which days a commit touched, for so many commits."""

    def __init__(self, data_dir: Path, part_commits: int) -> None:
        super().__init__(data_dir)
        environ = {
            **os.environ,
            "QDB_CAIRO_DEFAULT_SEQUENCER_PART_TXN_COUNT": str(part_commits),
            "QDB_CAIRO_WAL_PURGE_INTERVAL": "100",  # ms
        }
        self.server = EmbeddedQuestDB(data_dir, heap_mib=HEAP_MIB, environ=environ)
