"""The service needs no root: everything works for a user who owns nothing but its folders."""

import contextlib
import os
import pwd
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.process.process_family import descendants
from tests.process.running_service import (
    PROJECT,
    MakeId,
    QuestDBPorts,
    RunningService,
    ServicePorts,
    command_environment,
    free_ports,
    write_config,
)
from tests.process.sample_readings import reading_lines
from tests.process.stored_tables import StoredTables

pytestmark = [pytest.mark.process, pytest.mark.questdb]

ENVIRONMENT = command_environment(
    {"PYTHONPATH": os.pathsep.join([str(PROJECT / "server"), sysconfig.get_path("purelib")])}
)


def nobody() -> pwd.struct_passwd:
    if os.geteuid() != 0:
        pytest.skip("the tests do not run as root, so every other one shows the same")
    return pwd.getpwnam("nobody")


def python_for(user: pwd.struct_passwd) -> str:
    """Return an interpreter that this user may run, with what the service imports."""
    same_version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, shutil.which(same_version, path="/usr/bin:/usr/local/bin")):
        if python is not None:
            with contextlib.suppress(OSError):
                probe = [python, "-c", "import utility_ts_analytics.cli.main"]
                run = subprocess.run(
                    probe, env=ENVIRONMENT, cwd="/", capture_output=True, timeout=30,
                    user=user.pw_uid, group=user.pw_gid, extra_groups=[],
                )  # fmt: skip
                if run.returncode == 0:
                    return python
    pytest.skip("no interpreter here can be run by nobody, or this folder is closed to others")


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder of nobody's; those of pytest are closed to everyone but root."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def test_service_runs_and_stores_as_nobody(
    place: Path, questdb: QuestDBPorts, tables: StoredTables, make_id: MakeId
) -> None:
    user = nobody()
    python = python_for(user)
    folders = {"sink": {"dead_letter_dir": "letters"}, "spool": {"dir": "spool"}}
    ports = ServicePorts(*free_ports(3))
    config = write_config(place / "config.toml", questdb, ports, {"meter_usage": folders})
    for path in (place, config):
        os.chown(path, user.pw_uid, user.pw_gid)
    service = RunningService(config, ports, place / "output.log")
    with service.output_path.open("wb") as output:
        service.process = subprocess.Popen(
            [python, "-m", "utility_ts_analytics", "serve", "--config", str(config)],
            cwd=place, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=output,
            stderr=subprocess.STDOUT, user=user.pw_uid, group=user.pw_gid, extra_groups=[],
        )  # fmt: skip
    try:
        service.wait_ready()
        meter_id = make_id("m")
        assert service.post_lines(reading_lines(meter_id, 3)).accepted_all().accepted == 3
        assert tables.count_meter(meter_id) == 3
        family = [service.process.pid, *descendants(service.process.pid)]
        assert len(family) >= 7, "supervisor, three servers, three workers"
        for pid in family:
            facts = Path(f"/proc/{pid}/status").read_text()
            assert f"Uid:\t{user.pw_uid}\t{user.pw_uid}" in facts
            assert "CapEff:\t0000000000000000" in facts
        assert (place / "spool").stat().st_uid == user.pw_uid
        assert service.terminate() == 0
    finally:
        service.end()
