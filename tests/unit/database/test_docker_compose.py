"""`infra/docker-compose.yml` says the same as the embedded QuestDB; read as text."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.conftest import TestQuestDB

from utility_ts_analytics.database.embedded_questdb.jar import QUESTDB_VERSION
from utility_ts_analytics.database.embedded_questdb.server_settings import (
    SERVICE_SETTINGS,
    SMALL_MACHINE_SETTINGS,
    Ports,
)

FILE = Path(__file__).parents[3] / "infra" / "docker-compose.yml"
TEXT = FILE.read_text()


def health_check() -> str:
    """Return the shell text of the health check as the container gets it."""
    found = re.search(r"- >-\n((?: {10}.*\n)+)", TEXT)
    assert found
    return " ".join(found[1].split("\n")).replace("$$", "$").strip()


def run_health_check(port: int) -> int:
    text = health_check().replace("/127.0.0.1/9003", f"/127.0.0.1/{port}")
    return subprocess.run(["bash", "-c", text], capture_output=True, timeout=10).returncode


def test_image_is_the_embedded_version() -> None:
    assert re.findall(r"image: (\S+)", TEXT) == [f"questdb/questdb:{QUESTDB_VERSION}"]


def test_settings_are_those_of_the_embedded_server() -> None:
    found = dict(re.findall(r'^ +(QDB_\w+): "(.*)"$', TEXT, re.MULTILINE))
    assert found == {**SERVICE_SETTINGS, **SMALL_MACHINE_SETTINGS}


def test_usual_ports_are_open_on_loopback_only() -> None:
    ports = Ports()
    published = re.findall(r'- "([\d.:]+)"', TEXT)
    assert published == [
        f"127.0.0.1:{port}:{port}" for port in (ports.http, ports.pg, ports.ilp, ports.health)
    ]


def test_data_is_in_a_named_volume_that_is_declared() -> None:
    assert "- questdb-data:/var/lib/questdb\n" in TEXT
    assert re.search(r"^volumes:\n  questdb-data:$", TEXT, re.MULTILINE)


@pytest.mark.questdb
def test_health_check_passes_on_a_server_and_on_nothing_else(questdb: TestQuestDB) -> None:
    assert run_health_check(questdb.health_port) == 0
    assert run_health_check(Ports.free().health) != 0
    # Answers HTTP, but says 404.
    assert run_health_check(questdb.http_port) != 0


def test_compose_accepts_the_file() -> None:
    if shutil.which("docker") is None:
        pytest.skip("docker is not installed")
    if subprocess.run(["docker", "compose", "version"], capture_output=True).returncode != 0:
        pytest.skip("docker has no compose plugin")
    checked = subprocess.run(
        ["docker", "compose", "-f", str(FILE), "config", "-q"], capture_output=True, text=True
    )
    assert (checked.returncode, checked.stderr) == (0, "")
