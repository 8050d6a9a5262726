"""systemd's side of the service: what a unit of `Type=notify` hears over a whole life."""

import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.process.raw_http import Connection
from tests.process.running_service import QuestDBPorts, run_service

pytestmark = [pytest.mark.process, pytest.mark.questdb]

WAIT_S = 30.0


@pytest.fixture
def ear(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The service manager's end; what the test starts finds it in its environment."""
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(path)
        ear.settimeout(WAIT_S)
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        monkeypatch.setenv("WATCHDOG_USEC", "1000000")
        yield ear


def next_news(ear: socket.socket) -> tuple[str, int]:
    """Return the next message that is no heartbeat, and how many of those came before it."""
    beats = 0
    while True:
        message = ear.recv(4096).decode()
        if message != "WATCHDOG=1":
            return message.split("\n")[0], beats
        beats += 1


def test_service_manager_hears_ready_reload_and_stop(
    ear: socket.socket, questdb: QuestDBPorts, tmp_path: Path
) -> None:
    with run_service(tmp_path, questdb, {}, ready=False) as service:
        assert next_news(ear)[0] == "READY=1"
        for stream in ("meter_usage", "generation_output"):
            with Connection(service.ports.of(stream)):
                pass  # ready means that each port takes connections
        assert service.ask_operations("/healthz").status == 200
        service.process.send_signal(signal.SIGHUP)
        assert next_news(ear)[0] == "RELOADING=1"
        news, beats = next_news(ear)
        assert (news, beats > 0) == ("READY=1", True)
        service.process.send_signal(signal.SIGTERM)
        assert next_news(ear)[0] == "STOPPING=1"
        assert service.process.wait(WAIT_S) == 0
        assert "cannot tell the service manager" not in service.output()
