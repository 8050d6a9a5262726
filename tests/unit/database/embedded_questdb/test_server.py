import os
import re
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from utility_ts_analytics.database.embedded_questdb.server import EmbeddedQuestDB, RunningQuestDB
from utility_ts_analytics.database.embedded_questdb.server_settings import HOST, Ports
from utility_ts_analytics.errors import OperatorError

MakeServer = Callable[..., EmbeddedQuestDB]
WaitGone = Callable[[int], None]

SAY_ADDRESS = 'echo "at $QDB_HTTP_BIND_TO" >&2; exit 3'


@pytest.fixture
def make_server(tmp_path: Path) -> MakeServer:
    """Return what makes a server whose `java` runs a shell script; the data directory is shared."""

    def make(
        script: str, ports: Ports | None = None, *, free_if_taken: bool = False
    ) -> EmbeddedQuestDB:
        java = tmp_path / "home" / "bin" / "java"
        java.parent.mkdir(parents=True, exist_ok=True)
        java.write_text(
            "#!/bin/sh\n"
            'if [ "$1" = -version ]; then echo \'openjdk version "17.0.1"\' >&2; '
            f"{'rm $0; ' if script == 'absent' else ''}exit 0; fi\n{script}\n"
        )
        java.chmod(0o755)
        jar = tmp_path / "any.jar"
        jar.touch()
        environ = {
            "JAVA_HOME": str(java.parents[1]),
            "QUESTDB_JAR": str(jar),
            "PATH": os.environ["PATH"],
            "QDB_HTTP_BIND_TO": "0.0.0.0:1",
        }
        return EmbeddedQuestDB(
            tmp_path / "data", ports=ports, free_if_taken=free_if_taken, environ=environ
        )

    return make


def failure(server: EmbeddedQuestDB, timeout_s: float = 30.0) -> str:
    with pytest.raises(OperatorError) as caught:
        server.start(timeout_s=timeout_s)
    assert "\n" not in str(caught.value)
    assert server.exit_code() is None
    return str(caught.value)


def address(message: str) -> str:
    found = re.search(r"code 3: at (\S+); see ", message)
    assert found, message
    return found[1]


def test_addresses_are_those_of_the_ports() -> None:
    running = RunningQuestDB(Ports(1, 2, 3, 4), pid=5, log_path=Path("log"))
    assert (running.http_port, running.pg_port) == (1, 2)
    assert (running.ilp_port, running.health_port) == (3, 4)
    assert running.http_addr == "127.0.0.1:1"
    assert running.ilp_tcp_addr == "127.0.0.1:3"
    assert running.pg_uri == "postgresql://admin:quest@127.0.0.1:2/qdb"


@pytest.mark.process
def test_jvm_that_ends_at_once_is_quoted(make_server: MakeServer) -> None:
    server = make_server("echo Error: no memory >&2; exit 3")
    message = failure(server)
    assert "it ended with code 3: Error: no memory; see " in message
    assert message.endswith(str(server.log_path))


@pytest.mark.process
def test_java_that_cannot_be_run_is_quoted(make_server: MakeServer) -> None:
    assert "it ended with code 1: FileNotFoundError" in failure(make_server("absent"))


@pytest.mark.process
def test_jvm_that_never_answers_is_ended(make_server: MakeServer, wait_gone: WaitGone) -> None:
    message = failure(make_server("echo pid $$ >&2; exec sleep 600"), timeout_s=0.5)
    found = re.search(r"does not answer after 0\.5 s: pid (\d+); see ", message)
    assert found, message
    wait_gone(int(found[1]))


@pytest.mark.process
def test_free_ports_stay_the_same_over_restarts_and_ours_win(make_server: MakeServer) -> None:
    server = make_server(SAY_ADDRESS)
    first = address(failure(server))
    assert first.startswith("127.0.0.1:")
    assert address(failure(server)) == first


@pytest.mark.process
def test_port_in_use_is_an_error_unless_free_ones_are_welcome(make_server: MakeServer) -> None:
    with socket.create_server((HOST, 0)) as listener:
        port = listener.getsockname()[1]
        free = Ports.free()
        ports = Ports(http=port, pg=free.pg, ilp=free.ilp, health=free.health)
        assert failure(make_server(SAY_ADDRESS, ports)) == (
            f"cannot start QuestDB: port {port} (http) of 127.0.0.1 in use; stop the other "
            "program, or choose other ports"
        )
        moved = make_server(SAY_ADDRESS, ports, free_if_taken=True)
        assert address(failure(moved)) != f"127.0.0.1:{port}"
    kept = make_server(SAY_ADDRESS, ports, free_if_taken=True)
    assert address(failure(kept)) == f"127.0.0.1:{port}"


def test_stop_of_what_does_not_run_does_nothing(make_server: MakeServer) -> None:
    server = make_server("exit 3")
    server.stop()
    assert server.exit_code() is None
