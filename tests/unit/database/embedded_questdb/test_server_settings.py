import socket
from pathlib import Path

import pytest

from utility_ts_analytics.database.embedded_questdb.server_settings import (
    HOST,
    LOG_CONF,
    Ports,
    java_arguments,
    port_taken,
    server_environment,
)

PORTS = Ports(1, 2, 3, 4)


def test_free_ports_are_four_different_ones_outside_the_range_of_outgoing_connections() -> None:
    ports = Ports.free()
    assert ports.taken() == []
    numbers = {ports.http, ports.pg, ports.ilp, ports.health}
    assert len(numbers) == 4
    assert all(1024 < number < 32768 for number in numbers)


def test_port_with_a_listener_is_taken_and_named() -> None:
    with socket.create_server((HOST, 0)) as listener:
        port = listener.getsockname()[1]
        assert port_taken(port)
        free = Ports.free()
        ports = Ports(http=free.http, pg=port, ilp=free.ilp, health=free.health)
        assert ports.taken() == [f"{port} (pg)"]
    assert not port_taken(port)


def test_free_ports_are_never_taken_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    module = "utility_ts_analytics.database.embedded_questdb.server_settings"
    monkeypatch.setattr(f"{module}._FREE_PORT_RANGE", range(20_000, 20_008))
    monkeypatch.setattr(f"{module}.port_taken", lambda port: port % 2 == 0)
    ports = Ports.free()
    assert {ports.http, ports.pg, ports.ilp, ports.health} == {20_001, 20_003, 20_005, 20_007}


def test_server_listens_on_loopback_only_and_creates_nothing_by_itself() -> None:
    environment = server_environment(PORTS, cores=2)
    bound = {name: value for name, value in environment.items() if name.endswith("BIND_TO")}
    assert bound == {
        "QDB_HTTP_BIND_TO": "127.0.0.1:1",
        "QDB_PG_NET_BIND_TO": "127.0.0.1:2",
        "QDB_LINE_TCP_NET_BIND_TO": "127.0.0.1:3",
        "QDB_HTTP_MIN_NET_BIND_TO": "127.0.0.1:4",
    }
    assert environment["QDB_LINE_AUTO_CREATE_NEW_TABLES"] == "false"
    assert environment["QDB_LINE_AUTO_CREATE_NEW_COLUMNS"] == "false"
    assert environment["QDB_TELEMETRY_ENABLED"] == "false"
    assert environment["QDB_METRICS_ENABLED"] == "true"


@pytest.mark.parametrize(("cores", "napping"), [(1, True), (4, True), (5, False), (64, False)])
def test_only_small_machines_put_idle_workers_to_sleep_early(cores: int, napping: bool) -> None:
    environment = server_environment(PORTS, cores=cores)
    assert ("QDB_SHARED_WORKER_NAP_THRESHOLD" in environment) is napping


def test_jvm_leaves_nothing_outside_its_data_directory() -> None:
    arguments = java_arguments(Path("/x/q.jar"), Path("/data"), heap_mib=300)
    assert arguments[0] == "-Xmx300m"
    assert "-Djava.io.tmpdir=/data/tmp" in arguments
    assert "-XX:ErrorFile=/data/log/jvm-crash-%p.log" in arguments
    assert "-XX:-UsePerfData" in arguments
    assert arguments[-2:] == ["-d", "/data"]


def test_log_files_are_bounded() -> None:
    settings = dict(
        line.split("=", 1) for line in LOG_CONF.splitlines() if not line.startswith("#")
    )
    assert settings["w.file.class"] == "io.questdb.log.LogRollingFileWriter"
    assert settings["w.file.sizeLimit"] == "64m"
    assert settings["w.stdout.level"] == "ADVISORY,CRITICAL"
