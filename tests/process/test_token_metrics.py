"""Posts are counted by the name of their token, through deaths and reloads; no token is shown."""

import os
import signal

import pytest
from tests.process.process_family import descendants, listeners, runtime_dir_of
from tests.process.process_logs import wait_logged
from tests.process.running_service import (
    MakeId,
    QuestDBPorts,
    RunningService,
    Section,
    StartService,
    write_config,
)
from tests.process.sample_readings import reading_lines
from tests.process.scraped_metrics import Scrape, scrape
from tests.process.stored_tables import until

pytestmark = [pytest.mark.process, pytest.mark.questdb]

METERS = "meter_usage"
REQUESTS, ROWS = "ingestion_requests_by_token_total", "ingestion_rows_accepted_by_token_total"
OLD, NEW, LAB = "old-token-3b1f-of-head-end", "new-token-8c2e-of-head-end", "token-5d0a-of-the-lab"


def settings(*named_tokens: str) -> Section:
    return {METERS: {"source": {"auth_named_tokens": list(named_tokens), "workers": 2}}}


def by_token(seen: Scrape) -> dict[str, tuple[float, float]]:
    """Return requests and accepted rows by name; only the guarded stream has any."""
    names = {dict(labels)["token"] for name, labels in seen.samples if name in (REQUESTS, ROWS)}
    assert {dict(labels)["stream"] for name, labels in seen.samples if name == REQUESTS} == {METERS}
    return {
        name: (seen.value(REQUESTS, token=name), seen.value(ROWS, token=name)) for name in names
    }


def workers(service: RunningService) -> set[int]:
    return {pid for pid in listeners(service.ports.meter_usage) if not descendants(pid)}


def restarts(service: RunningService) -> float:
    return scrape(service).value("ingestion_worker_restarts_total", stream=METERS)


def test_posts_are_counted_by_name_through_a_death_and_a_rotation(
    start_service: StartService, questdb: QuestDBPorts, make_id: MakeId
) -> None:
    service = start_service(settings(f"head-end:{OLD}", f"lab:{LAB}"))
    meter_id = make_id("m")

    def status(token: str, rows: int) -> int:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        body = reading_lines(meter_id, rows) or b"{\n"
        return service.post_lines(body, headers=headers).status

    assert by_token(scrape(service)) == {"head-end": (0, 0), "lab": (0, 0)}
    assert [status(OLD, 5) for _ in range(12)] == [200] * 12
    assert status(LAB, 0) == 422
    assert [status(token, 5) for token in ("head-end", OLD[:-1], "")] == [401] * 3
    counted = {"head-end": (12.0, 60.0), "lab": (1.0, 0.0)}
    seen = scrape(service)
    assert by_token(seen) == counted
    answered = "ingestion_requests_total"
    assert seen.value(answered, stream=METERS) == 13 + seen.value(answered, code="401")

    dead = min(workers(service))
    os.kill(dead, signal.SIGKILL)
    until(lambda: len(workers(service) - {dead}) == 2, "it is replaced")
    until(lambda: restarts(service) > 0, "its numbers are among those of the dead")
    assert by_token(scrape(service)) == counted

    old = workers(service)
    rotated = settings(f"lab:{LAB}", f"head-end-2:{NEW}")  # lab is in the place of head-end
    write_config(service.config, questdb, service.ports, rotated)
    service.process.send_signal(signal.SIGHUP)
    wait_logged(service, "the configuration was reloaded")
    folder = runtime_dir_of(service.process.pid)
    until(lambda: not old & workers(service), "the old generation is gone")
    until(lambda: len(list(folder.glob("*.worker"))) == 4, "and its files: 2 + 1 + 1 are left")
    assert by_token(scrape(service)) == {**counted, "head-end-2": (0, 0)}
    assert [status(token, 5) for token in (NEW, LAB, OLD)] == [200, 200, 401]
    seen = scrape(service)
    assert by_token(seen) == {"head-end": (12, 60), "lab": (2, 5), "head-end-2": (1, 5)}
    assert seen.imbalance(METERS) == 0
    told = [service.ask_operations(path).body.decode() for path in ("/metrics", "/status.json")]
    for text in (*told, service.output()):
        assert not any(token in text for token in (OLD, NEW, LAB))
