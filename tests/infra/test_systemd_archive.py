"""The units of the nightly archive by systemd-analyze."""

from pathlib import Path

import pytest
from tests.infra.promql import INFRA
from tests.infra.test_systemd_unit import EXPOSURE_MAX, analyze

UNITS = INFRA / "systemd"
SERVICE, TIMER = UNITS / "ingestion-archive.service", UNITS / "ingestion-archive.timer"


def verified(place: Path, service: str, timer: str) -> str:
    """Verify both units with a program in the place of the service, which is not installed here."""
    (place / SERVICE.name).write_text(
        service.replace("ExecStart=/opt/ingestion/bin/", "ExecStart=/bin/true ")
    )
    (place / TIMER.name).write_text(timer)
    checked = analyze("verify", "--man=no", place / SERVICE.name, place / TIMER.name)
    return checked.stderr + ("" if checked.returncode == 0 else f" exit {checked.returncode}")


def test_systemd_understands_every_line(tmp_path: Path) -> None:
    assert verified(tmp_path, SERVICE.read_text(), TIMER.read_text()) == ""


@pytest.mark.parametrize("name", ["OnCalendar", "Persistent"])
def test_misspelt_line_would_be_noticed(tmp_path: Path, name: str) -> None:
    timer = TIMER.read_text().replace(f"{name}=", f"{name}s=")
    assert f"{name}s" in verified(tmp_path, SERVICE.read_text(), timer)


def test_archive_is_exposed_to_little() -> None:
    checked = analyze("security", "--offline=true", f"--threshold={EXPOSURE_MAX}", SERVICE)
    assert checked.returncode == 0, checked.stdout


def test_command_is_one_that_there_is() -> None:
    assert "/bin/ingestion-service archive --config" in SERVICE.read_text()
