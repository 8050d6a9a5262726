"""Starting the service for a proof: what goes wrong is said with the service's own words."""

from pathlib import Path

import pytest
from loadtest.processes import family
from loadtest.service import DatabasePorts, ServiceSettings, running_service
from tests.process.running_service import QuestDBPorts, free_ports

pytestmark = [pytest.mark.process, pytest.mark.questdb]


def test_no_process_is_left_when_the_proof_fails(questdb: QuestDBPorts, tmp_path: Path) -> None:
    pids: list[int] = []

    def fail() -> None:
        with running_service(tmp_path, questdb, ServiceSettings(workers=1)) as service:
            pids.extend(entry.pid for entry in family(service.pid))
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert len(pids) > 1
    assert [entry for pid in pids for entry in family(pid)] == []


def test_missing_database_is_an_error_that_quotes_the_service(tmp_path: Path) -> None:
    http, ilp, pg = free_ports(3)
    nobody = DatabasePorts(http, ilp, f"postgresql://admin:quest@127.0.0.1:{pg}/qdb")
    with (
        pytest.raises(RuntimeError, match="the schema is not applied: ingestion-service: cannot"),
        running_service(tmp_path, nobody, ServiceSettings()),
    ):
        pass


def test_refused_setting_is_an_error_that_quotes_the_service(
    questdb: QuestDBPorts, tmp_path: Path
) -> None:
    settings = ServiceSettings(source={"no_such_key": 1})
    with (
        pytest.raises(RuntimeError, match="no_such_key"),
        running_service(tmp_path, questdb, settings),
    ):
        pass
