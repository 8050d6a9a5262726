"""What a service manager hears, on a real datagram socket."""

import os
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from utility_ts_analytics.clock import ManualClock
from utility_ts_analytics.service.service_manager import ServiceManager


class Ear:
    """The service manager's end of the socket."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.setblocking(False)

    def heard(self) -> list[str]:
        """Return the messages since the last call."""
        messages = []
        while True:
            try:
                messages.append(self.socket.recv(4096).decode())
            except BlockingIOError:
                return messages


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "notify")


@pytest.fixture
def ear(path: str) -> Iterator[Ear]:
    ear = Ear(path)
    yield ear
    ear.socket.close()


@pytest.fixture
def manager(path: str, ear: Ear) -> Iterator[ServiceManager]:
    with closing(ServiceManager({"NOTIFY_SOCKET": path}, ManualClock())) as manager:
        yield manager


def test_ready_is_reported_once_and_only_when_all_serve(manager: ServiceManager, ear: Ear) -> None:
    manager.look(serving=False, reloading=False)
    assert ear.heard() == []
    manager.look(serving=True, reloading=False)
    assert ear.heard() == ["READY=1\nSTATUS=Serving."]
    manager.look(serving=False, reloading=False)
    manager.look(serving=True, reloading=False)
    assert ear.heard() == []


def test_reload_is_reported_with_its_time_and_ends_with_ready(path: str, ear: Ear) -> None:
    clock = ManualClock(start_s=12.5)
    with closing(ServiceManager({"NOTIFY_SOCKET": path}, clock)) as manager:
        manager.look(serving=True, reloading=False)
        for reloading in (True, True, False, False):
            manager.look(serving=True, reloading=reloading)
    assert ear.heard() == [
        "READY=1\nSTATUS=Serving.",
        "RELOADING=1\nMONOTONIC_USEC=12500000\nSTATUS=Reloading.",
        "READY=1\nSTATUS=Serving.",
    ]


def test_reload_before_the_first_ready_is_not_reported(manager: ServiceManager, ear: Ear) -> None:
    manager.look(serving=False, reloading=True)
    assert ear.heard() == []


def test_stop_is_reported(manager: ServiceManager, ear: Ear) -> None:
    manager.stopping()
    assert ear.heard() == ["STOPPING=1\nSTATUS=Draining."]


def test_signs_of_life_come_at_half_of_the_watchdog_time(path: str, ear: Ear) -> None:
    clock = ManualClock()
    environ = {"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "4000000", "WATCHDOG_PID": str(os.getpid())}
    with closing(ServiceManager(environ, clock)) as manager:
        manager.look(serving=False, reloading=False)
        assert ear.heard() == ["WATCHDOG=1"]
        clock.advance(1.9)
        manager.beat()
        assert ear.heard() == []
        clock.advance(0.1)
        manager.beat()
        assert ear.heard() == ["WATCHDOG=1"]


@pytest.mark.parametrize(
    "watchdog",
    [
        {},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "4000000", "WATCHDOG_PID": "1"},  # meant for another process
    ],
)
def test_no_signs_of_life_without_a_watchdog(watchdog: dict[str, str], path: str, ear: Ear) -> None:
    with closing(ServiceManager({"NOTIFY_SOCKET": path, **watchdog}, ManualClock())) as manager:
        manager.beat()
    assert ear.heard() == []


def test_abstract_name_is_reached() -> None:
    name = f"ingestion-test-{os.getpid()}"
    ear = Ear(f"\0{name}")
    with (
        closing(ear.socket),
        closing(ServiceManager({"NOTIFY_SOCKET": f"@{name}"}, ManualClock())) as manager,
    ):
        manager.stopping()
        assert ear.heard() == ["STOPPING=1\nSTATUS=Draining."]


def test_without_a_service_manager_nothing_happens() -> None:
    with closing(ServiceManager({}, ManualClock())) as manager:
        manager.look(serving=True, reloading=False)
        manager.stopping()


def test_service_manager_that_is_not_there_stops_nobody(tmp_path: Path) -> None:
    environ = {"NOTIFY_SOCKET": str(tmp_path / "nobody")}
    with closing(ServiceManager(environ, ManualClock())) as manager:
        manager.look(serving=True, reloading=False)


def test_service_manager_that_goes_or_does_not_read_is_logged_once(path: str, ear: Ear) -> None:
    clock = ManualClock()
    environ = {"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "2"}
    with capture_logs() as logs, closing(ServiceManager(environ, clock)) as manager:
        for _ in range(2000):  # more than the socket's queue holds
            clock.advance(1)
            manager.beat()
        ear.socket.close()
        manager.stopping()
    assert [line["event"] for line in logs] == ["cannot tell the service manager"]


def test_nothing_is_sent_after_close(path: str, ear: Ear) -> None:
    manager = ServiceManager({"NOTIFY_SOCKET": path}, ManualClock())
    manager.close()
    manager.stopping()
    assert ear.heard() == []
