"""The timers and what they start: by systemd-analyze, and run as their units have them."""

import ctypes
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import TestQuestDB
from tests.infra.promql import INFRA
from tests.infra.test_systemd_unit import EXPOSURE_MAX, analyze
from tests.process.running_service import (
    ServicePorts,
    command,
    command_environment,
    free_ports,
    write_config,
)

FOLDER = INFRA / "systemd"
NAMES = ("ingestion-feeder-balance", "ingestion-report")
PROGRAM = "/opt/ingestion/bin/ingestion-service"
CONFIG = "/etc/ingestion/ingestion-config.toml"
TIMEOUT_S = 120

PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 65, 1  # linux/prctl.h


def settings(unit: str, name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", (FOLDER / unit).read_text(), re.MULTILINE)


def arguments_of(name: str) -> list[str]:
    [line] = settings(f"{name}.service", "ExecStart")
    program, *arguments = shlex.split(line)
    assert program == PROGRAM
    return arguments


def verified(name: str, place: Path, change: Callable[[str], str] = str) -> str:
    """Return what systemd says of a timer and its service, in whose place is /bin/true."""
    for path in FOLDER.glob("*.service"):
        text = path.read_text().replace(f"ExecStart={PROGRAM}", "ExecStart=/bin/true")
        (place / path.name).write_text(text)
    timer = place / f"{name}.timer"
    timer.write_text(change((FOLDER / timer.name).read_text()))
    checked = analyze("verify", "--man=no", timer, place / f"{name}.service")
    assert checked.stderr or checked.returncode == 0
    return checked.stderr


@pytest.mark.parametrize("name", NAMES)
def test_systemd_understands_every_line(name: str, tmp_path: Path) -> None:
    assert verified(name, tmp_path) == ""


@pytest.mark.parametrize("name", NAMES)
def test_time_that_never_comes_would_be_noticed(name: str, tmp_path: Path) -> None:
    wrong = verified(name, tmp_path, lambda text: text.replace("Europe/Berlin", "Europe/Atlantis"))
    assert "calendar specification" in wrong


@pytest.mark.parametrize("name", NAMES)
def test_service_is_exposed_to_little(name: str) -> None:
    unit = FOLDER / f"{name}.service"
    checked = analyze("security", "--offline=true", f"--threshold={EXPOSURE_MAX}", unit)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("name", NAMES)
def test_timer_and_command_have_one_zone_and_wrong_settings_are_not_repeated(name: str) -> None:
    [calendar] = settings(f"{name}.timer", "OnCalendar")
    arguments = arguments_of(name)
    assert calendar.split()[-1] == arguments[arguments.index("--zone") + 1]
    assert settings(f"{name}.service", "RestartPreventExitStatus") == ["2"]
    assert settings(f"{name}.service", "Type") == ["oneshot"]
    assert settings(f"{name}.timer", "Persistent") == ["true"]


def test_report_comes_after_the_balance_that_is_due() -> None:
    [after] = settings("ingestion-report.service", "After")
    assert "ingestion-feeder-balance.service" in after.split()


@pytest.mark.process
@pytest.mark.questdb
@pytest.mark.parametrize("name", NAMES)
def test_command_of_the_unit_runs_with_the_memory_that_the_unit_allows(
    name: str, sample_questdb: TestQuestDB, tmp_path: Path
) -> None:
    """`MemoryDenyWriteExecute=yes` is what some libraries do not survive."""
    denied = settings(f"{name}.service", "MemoryDenyWriteExecute") == ["yes"]
    config = write_config(
        tmp_path / "config.toml", sample_questdb, ServicePorts(*free_ports(3)), {}
    )
    (tmp_path / "ingestion-report").mkdir()
    places = {CONFIG: str(config), "%S": str(tmp_path)}
    arguments = arguments_of(name)
    for there, here in places.items():
        arguments = [argument.replace(there, here) for argument in arguments]
    library = ctypes.CDLL(None, use_errno=True)

    def deny() -> None:
        if library.prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "this kernel knows no PR_SET_MDWE")

    done = subprocess.run(
        command(*arguments),
        cwd=tmp_path,
        env=command_environment({"MPLCONFIGDIR": str(tmp_path)}),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        preexec_fn=deny if denied else None,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    if name == "ingestion-report":
        assert (tmp_path / "ingestion-report" / "report.html").stat().st_size > 10_000
    else:
        assert "rows written" in done.stdout
