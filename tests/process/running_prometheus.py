"""A real Prometheus with the project's own config and rules, pointed at a service of the tests."""

import contextlib
import json
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from tests.infra.promql import INFRA
from tests.process.running_service import free_ports
from tests.process.stored_tables import until
from tests.system_programs import system_program

ANSWER_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 15.0


@dataclass(frozen=True, slots=True)
class RunningPrometheus:
    """Where it listens."""

    port: int

    def get(self, path: str, **query: str) -> Any:
        """Return the data of an answer of the API."""
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        try:
            with urllib.request.urlopen(url, timeout=ANSWER_TIMEOUT_S) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError(f"{query}: {error.read().decode()}") from error

    def value(self, expr: str) -> float | None:
        """Return the one value that a query has, or None where it has none."""
        result = self.get("query", query=expr)["result"]
        assert len(result) <= 1, result
        return float(result[0]["value"][1]) if result else None

    def is_up(self) -> bool:
        url = f"http://127.0.0.1:{self.port}/-/ready"
        try:
            with urllib.request.urlopen(url, timeout=ANSWER_TIMEOUT_S) as answer:
                return bool(answer.status == 200)
        except OSError:  # 503 is one too
            return False


@contextlib.contextmanager
def run_prometheus(place: Path, operations_port: int) -> Iterator[RunningPrometheus]:
    """Run one for the length of a `with` block; it scrapes and evaluates twice a second."""
    shutil.copytree(INFRA / "prometheus" / "rules", place / "rules")
    config = yaml.safe_load((INFRA / "prometheus" / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "500ms", "scrape_timeout": "500ms"}
    config["global"]["evaluation_interval"] = "500ms"
    [job] = [job for job in config["scrape_configs"] if job["job_name"] == "ingestion"]
    job["static_configs"] = [{"targets": [f"127.0.0.1:{operations_port}"]}]
    config["scrape_configs"] = [job]
    (place / "prometheus.yml").write_text(yaml.safe_dump(config))
    [port] = free_ports(1)
    with (place / "prometheus.log").open("wb") as output:
        process = subprocess.Popen(
            [
                system_program("prometheus"),
                f"--config.file={place / 'prometheus.yml'}",
                f"--storage.tsdb.path={place / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    running = RunningPrometheus(port)
    try:
        until(running.is_up, "prometheus answers", timeout_s=30)
        yield running
    finally:
        process.terminate()
        process.wait(STOP_TIMEOUT_S)
