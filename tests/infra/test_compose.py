"""The compose files are accepted by compose itself, alone and together, and agree with the rest."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.infra.promql import INFRA

COMPOSE = Path(sys.executable).parent / "docker-compose"
BASE = ("docker-compose.yml", "docker-compose.service.yml")
SETS = {
    "questdb alone": BASE[:1],
    "with the service": BASE,
    "with monitoring": (*BASE, "docker-compose.monitoring.yml"),
    "all": ("docker-compose.all.yml",),
}


def resolved(*files: str, **environ: str) -> dict[str, Any]:
    """Return what compose makes of these files, which it validates meanwhile."""
    arguments = [part for name in files for part in ("-f", str(INFRA / name))]
    ran = subprocess.run(
        [COMPOSE, *arguments, "config", "--format", "json"],
        env={"PATH": os.environ["PATH"], "GRAFANA_ADMIN_PASSWORD": "pw-of-a-test", **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


@pytest.fixture(scope="module")
def everything() -> dict[str, Any]:
    services: dict[str, Any] = resolved(*SETS["all"])["services"]
    return services


@pytest.mark.parametrize("files", SETS.values(), ids=SETS.keys())
def test_compose_accepts_the_files(files: tuple[str, ...]) -> None:
    assert resolved(*files)["name"] == "utility-ts-analytics"


def test_all_of_it_is_in_the_file_for_all(everything: dict[str, Any]) -> None:
    assert set(everything) == {
        *("questdb", "schema", "ingestion", "tls-proxy", "prometheus", "grafana")
    }


def test_only_the_tls_port_is_open_to_others(everything: dict[str, Any]) -> None:
    opened = {
        port["published"]
        for service in everything.values()
        for port in service.get("ports", [])
        if port.get("host_ip") != "127.0.0.1"
    }
    assert opened == {"7443"}


def test_our_containers_are_confined_and_checked(everything: dict[str, Any]) -> None:
    for name in ("ingestion", "schema", "tls-proxy", "prometheus", "grafana"):
        service = everything[name]
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "privileged" not in service
        assert not re.search(r":latest$|^[^:]+$", service["image"]), name


def test_proxy_prometheus_and_grafana_find_what_they_look_for(everything: dict[str, Any]) -> None:
    upstreams = everything["tls-proxy"]["environment"]
    assert upstreams["METER_USAGE_UPSTREAM"] == "ingestion:7001"
    assert upstreams["GENERATION_OUTPUT_UPSTREAM"] == "ingestion:7002"
    config = yaml.safe_load((INFRA / "prometheus" / "prometheus.yml").read_text())
    targets = {
        target.split(":")[0]
        for job in config["scrape_configs"]
        for static in job["static_configs"]
        for target in static["targets"]
    }
    assert targets - {"localhost"} <= set(everything)
    for name in ("prometheus", "grafana", "tls-proxy"):
        for volume in everything[name]["volumes"]:
            if volume["type"] == "bind":
                assert Path(volume["source"]).exists(), volume


def test_service_has_longer_to_stop_than_its_supervisor_takes(everything: dict[str, Any]) -> None:
    assert everything["ingestion"]["stop_grace_period"] == "45s"  # 30 s of drain and 10 s


def test_password_of_grafana_has_to_be_chosen() -> None:
    with pytest.raises(AssertionError, match="choose one"):
        resolved(*SETS["all"], GRAFANA_ADMIN_PASSWORD="")
