"""A QuestDB of one test, which it starts, stops, kills or spoils."""

import os
from pathlib import Path

from tests.process.running_service import RunningService, run_command
from tests.process.stored_tables import StoredTables

from utility_ts_analytics.database.embedded_questdb.server import EmbeddedQuestDB, RunningQuestDB
from utility_ts_analytics.database.embedded_questdb.server_settings import Ports


class OwnQuestDB:
    """A QuestDB of one test, whose addresses are known before it runs."""

    def __init__(self, place: Path) -> None:
        # SUSPEND WAL is taken in dev mode only.
        environ = {**os.environ, "QDB_DEV_MODE_ENABLED": "true"}
        ports = Ports.free()
        self.server = EmbeddedQuestDB(place / "questdb", ports=ports, heap_mib=256, environ=environ)
        self.addresses = RunningQuestDB(ports, pid=0, log_path=self.server.log_path)
        self.tables = StoredTables(ports.http)


def apply_schema(service: RunningService, place: Path) -> None:
    done = run_command("schema", "apply", "--config", str(service.config), cwd=place)
    assert done.returncode == 0, done.stderr
