"""The ways from HTTP into QuestDB that are compared: the service, plain asyncpg, Telegraf twice."""

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from loadtest.client import Target
from loadtest.database import OwnQuestDB
from loadtest.servers import running, running_asgi
from loadtest.service import ServiceSettings, running_service
from loadtest.stored import TABLE

from utility_ts_analytics.database.embedded_questdb.server_settings import free_ports

SERVICE = "service"

HOW_TO_GET_TELEGRAF = (
    "to measure Telegraf too, build it (go install -tags custom,inputs.http_listener_v2,"
    "outputs.influxdb_v2,parsers.json,serializers.influx"
    " github.com/influxdata/telegraf/cmd/telegraf@v1.37.2) and give its path: --telegraf PATH"
)

_TELEGRAF_PATH = "/telegraf"
_TELEGRAF = {
    "Telegraf, defaults": "",
    "Telegraf, tuned": """
  metric_batch_size = 10_000
  metric_buffer_limit = 2_000_000
  flush_interval = "1s"
""",
}
"""Settings of the agent by way. By default: batches of 1,000 rows, a buffer of 10,000 rows, and
a flush every 10 s. Tuned, the buffer has room for all rows of a turn."""

_TELEGRAF_CONFIG = """
[agent]
  omit_hostname = true
%(agent)s

[[inputs.http_listener_v2]]
  service_address = "tcp://127.0.0.1:%(port)d"
  paths = ["%(path)s"]
  name_override = "%(table)s"
  data_format = "json"
  json_time_key = "ts"
  json_time_format = "2006-01-02T15:04:05Z07:00"
  tag_keys = ["meter_id", "quality_flag", "source_system"]
  json_string_fields = ["premise_id"]

[[outputs.influxdb_v2]]
  urls = ["http://127.0.0.1:%(questdb_port)d"]
  content_encoding = "identity"
"""
"""The output as QuestDB's documentation has it."""


@dataclass(frozen=True, slots=True)
class Way:
    """A server that takes readings and stores them in the table.

    Attributes:
        target: Where and how bodies go.
        pid: Of the process above all that it consists of.
        arrays: Whether a body is a JSON array rather than NDJSON.
    """

    target: Target
    pid: int
    arrays: bool = False


@contextlib.contextmanager
def running_ways(own: OwnQuestDB, telegraf: Path | None) -> Iterator[Mapping[str, Way]]:
    """Run all of them beside each other, on one QuestDB and one table; the service makes it.

    Args:
        own: The QuestDB.
        telegraf: The program; without it there is no Telegraf among the ways.

    Raises:
        RuntimeError: One does not start.
    """
    with contextlib.ExitStack() as stack:
        service = stack.enter_context(
            running_service(own.directory, own.running, ServiceSettings())
        )
        asyncpg = stack.enter_context(
            running_asgi(
                Path(__file__).with_name("plain_asyncpg.py"),
                own.directory / "asyncpg.log",
                QUESTDB_URI=own.running.pg_uri,
            )
        )
        ways = {
            SERVICE: Way(Target(service.meter_usage_port), service.pid),
            "plain asyncpg": Way(Target(asyncpg.port), asyncpg.pid),
        }
        for name, agent in _TELEGRAF.items() if telegraf else ():
            ways[name] = stack.enter_context(_telegraf(str(telegraf), agent, own))
        yield ways


def found_telegraf(path: Path | None) -> Path | None:
    """Return the program of that name, or the one on the PATH; None if there is none."""
    found = shutil.which(path or "telegraf")
    return Path(found).resolve() if found else None


@contextlib.contextmanager
def _telegraf(program: str, agent: str, own: OwnQuestDB) -> Iterator[Way]:
    [port] = free_ports(1)
    config = own.directory / f"telegraf-{port}.conf"
    config.write_text(
        _TELEGRAF_CONFIG
        % {
            "agent": agent,
            "port": port,
            "path": _TELEGRAF_PATH,
            "table": TABLE,
            "questdb_port": own.running.http_port,
        }
    )
    with running([program, "--config", str(config)], port, config.with_suffix(".log")) as server:
        target = Target(port, _TELEGRAF_PATH, "application/json")
        yield Way(target, server.pid, arrays=True)
