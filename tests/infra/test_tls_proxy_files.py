"""The proxy's files agree with each other and with the service's defaults; read as text."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from tests.certificates import Authority
from tests.system_programs import system_program

from utility_ts_analytics.config import Config

INFRA = Path(__file__).parents[2] / "infra"
CADDYFILE = INFRA / "caddy" / "Caddyfile"
QUESTDB_CADDYFILE = INFRA / "caddy" / "questdb.Caddyfile"
COMPOSE = (INFRA / "docker-compose.tls-proxy.yml").read_text()
PLACEHOLDERS = dict(re.findall(r"\{\$(\w+):([^}]*)\}", CADDYFILE.read_text()))


@pytest.mark.parametrize("path", [CADDYFILE, QUESTDB_CADDYFILE], ids=lambda path: path.name)
def test_caddy_takes_the_file_and_has_nothing_to_format(path: Path, tmp_path: Path) -> None:
    caddy = system_program("caddy")
    pair = Authority.make(tmp_path).pair
    files = {"QUESTDB_CERT": str(pair.cert), "QUESTDB_KEY": str(pair.key)}
    for arguments in (["validate", "--adapter", "caddyfile", "--config"], ["fmt", "--diff"]):
        run = subprocess.run(
            [caddy, *arguments, str(path)],
            env={**os.environ, **files},
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert run.returncode == 0, run.stdout + run.stderr
        assert not re.search(r"^[-+]", run.stdout, re.MULTILINE), run.stdout


def test_every_placeholder_has_its_line_in_the_head_and_in_compose() -> None:
    head = CADDYFILE.read_text().partition("{")[0]
    assert len(PLACEHOLDERS) == 4
    for name, default in PLACEHOLDERS.items():
        assert re.search(rf"^# {name} +{re.escape(default)}\b", head, re.MULTILINE)
    assert set(re.findall(r'^ +(\w+): "\$\{\1:-', COMPOSE, re.MULTILINE)) == set(PLACEHOLDERS)


def test_every_variable_of_the_proxy_before_questdb_has_its_line_in_the_head() -> None:
    text = QUESTDB_CADDYFILE.read_text()
    head = text.partition("{\n")[0]
    named = re.findall(r"\{\$(\w+)(?::([^}]*))?\}", text)
    assert len(named) == 7
    for name, default in named:
        assert re.search(rf"^# {name} +{re.escape(default or 'none')}\b", head, re.MULTILINE), name


def test_upstreams_are_where_the_service_listens_by_default() -> None:
    for name, stream in Config().streams.items():
        port = stream.source.bind_address.port
        assert PLACEHOLDERS[f"{name.upper()}_UPSTREAM"] == f"127.0.0.1:{port}"
        assert f"{name.upper()}_UPSTREAM:-host.docker.internal:{port}" in COMPOSE


def test_array_bodies_that_the_service_refuses_reach_it() -> None:
    """Its 413 names the limit; the proxy's own, above it, only ends what nobody would."""
    assert PLACEHOLDERS["ARRAY_BODY_MAX"] == "16MiB"
    for stream in Config().streams.values():
        assert stream.source.max_body_bytes < 16 * 1024 * 1024


def test_one_port_is_published_and_the_container_may_do_little() -> None:
    assert re.findall(r'- "(\d+:\d+)"', COMPOSE) == ["7443:7443"]
    for line in ("read_only: true", "cap_drop: [ALL]", "no-new-privileges:true"):
        assert line in COMPOSE
