"""The unit by systemd-analyze, and what it has to agree with."""

import re
import subprocess
from pathlib import Path

from tests.infra.promql import INFRA
from tests.system_programs import system_program

UNIT = INFRA / "systemd" / "ingestion-service.service"
TEXT = UNIT.read_text()
EXPOSURE_MAX = 20
"""Tenths: 2.0 of 10. What is left is the network, which the service is there for."""


def setting(name: str) -> str:
    found = re.findall(rf"^{name}=(.*)$", TEXT, re.MULTILINE)
    assert len(found) == 1, name
    return str(found[0])


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [system_program("systemd-analyze"), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def verified(text: str, place: Path) -> subprocess.CompletedProcess[str]:
    """Verify the unit with a program in the place of the service, which is not installed here."""
    unit = place / UNIT.name
    unit.write_text(text.replace("ExecStart=/opt/ingestion/bin/", "ExecStart=/bin/true "))
    return analyze("verify", "--man=no", unit)


def test_systemd_understands_every_line(tmp_path: Path) -> None:
    checked = verified(TEXT, tmp_path)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_misspelt_line_would_be_noticed(tmp_path: Path) -> None:
    assert "WatchdogSecs" in verified(TEXT.replace("WatchdogSec", "WatchdogSecs"), tmp_path).stderr


def test_service_is_exposed_to_little() -> None:
    checked = analyze("security", "--offline=true", f"--threshold={EXPOSURE_MAX}", UNIT)
    assert checked.returncode == 0, checked.stdout


def test_lax_unit_would_be_noticed(tmp_path: Path) -> None:
    lax = tmp_path / UNIT.name
    lax.write_text(re.sub(r"^(Protect|Restrict|SystemCall)\w+=.*\n", "", TEXT, flags=re.MULTILINE))
    assert analyze("security", "--offline=true", f"--threshold={EXPOSURE_MAX}", lax).returncode != 0


def test_unit_waits_for_readiness_and_lets_the_supervisor_drain() -> None:
    assert setting("Type") == "notify"
    assert setting("KillMode") == "mixed"
    assert int(setting("TimeoutStopSec")) > 30 + 10  # drain_timeout_s, and the supervisor's margin
    assert setting("RestartPreventExitStatus") == "2"
    assert setting("ExecReload") == "/bin/kill -HUP $MAINPID"
