"""The health check of the container file, as the container would run it."""

import json
import re
import subprocess
import sys

import pytest
from tests.infra.promql import INFRA
from tests.process.running_service import RunningService, free_ports

pytestmark = [pytest.mark.process, pytest.mark.questdb]

TEXT = (INFRA / "Containerfile").read_text()


def health_check() -> list[str]:
    found = re.search(r"^ +CMD (\[.*\])$", TEXT, re.MULTILINE)
    assert found
    command: list[str] = json.loads(found[1])
    return command


def test_health_check_passes_on_the_service_and_on_nothing_else(service: RunningService) -> None:
    command = health_check()
    assert command[0] == "python"
    for port, healthy in ((service.ports.operations, True), (free_ports(1)[0], False)):
        script = command[2].replace(":9090/", f":{port}/")
        ran = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=30)
        assert (ran.returncode == 0) is healthy
