"""What each command does; prints to the terminal, returns the exit code.

Each command imports what it needs: all of it takes half a second, and a load that starts with the
modules of the server, or a server with those of the report, takes memory for nothing.
"""

import argparse
import asyncio
import http.client
import json
import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import structlog

from utility_ts_analytics.clock import SystemClock
from utility_ts_analytics.config import Config, load_config, parse_config
from utility_ts_analytics.config.load import read_tables
from utility_ts_analytics.errors import EXIT_FAILED, EXIT_OK, ConfigError, OperatorError
from utility_ts_analytics.records.streams import STREAMS
from utility_ts_analytics.telemetry.log_relay import LogRelay
from utility_ts_analytics.telemetry.logs import configure_logs

if TYPE_CHECKING:
    from utility_ts_analytics.service.checks import CheckLine
    from utility_ts_analytics.service.load_plan import LoadOptions
    from utility_ts_analytics.service.plans import ServicePlan
    from utility_ts_analytics.service.report_command import ReportOptions

OptionsT = TypeVar("OptionsT")

SAMPLES_DIR = Path(__file__).parents[3] / "data-samples"
"""In a checkout; an installed package has none."""

_STATUS_TIMEOUT_S = 5.0
_STATUS_MEMBERS = frozenset({"version", "ready", "streams", "questdb", "errors"})
"""What another server at the port, or another version of the service, would not tell."""

_log = structlog.get_logger("supervisor")


def serve(config_path: Path | None) -> int:
    """Run the production server until it is told to stop."""
    from utility_ts_analytics.service.assembly import service_plan
    from utility_ts_analytics.service.service_manager import ServiceManager
    from utility_ts_analytics.service.supervisor import Supervisor

    environ = dict(os.environ)

    def load() -> "ServicePlan":
        return service_plan(load_config(config_path, environ))

    plan = load()
    configure_logs(level=plan.log_level, log_format=plan.log_format)
    clock = SystemClock()
    with LogRelay():
        for weakness in plan.weaknesses:
            _log.warning("a port is less guarded than it could be", weakness=weakness)
        manager = ServiceManager(environ, clock)
        return Supervisor(plan, load=load, clock=clock, manager=manager).run()


def dev(config_path: Path | None, *, data_dir: Path, once: bool) -> int:
    """Run everything on this machine: QuestDB, schema, samples, server."""
    from utility_ts_analytics.database.embedded import EmbeddedQuestDB
    from utility_ts_analytics.database.embedded_settings import HTTP_LOGIN, Ports
    from utility_ts_analytics.database.schema import apply_schema
    from utility_ts_analytics.service.assembly import server_plans, service_plan
    from utility_ts_analytics.service.first_day import FirstDay
    from utility_ts_analytics.service.ports import claim_or_raise
    from utility_ts_analytics.service.supervisor import Supervisor

    tables = read_tables(config_path) if config_path is not None else {}
    # The embedded server is where it is, whatever the environment says of another one.
    environ = {k: v for k, v in os.environ.items() if not k.startswith("INGESTION__QUESTDB__")}
    config = parse_config({**tables, "questdb": {}}, environ)
    configure_logs(level=config.server.log_level, log_format=config.server.log_format)
    for plan in server_plans(config):
        claim_or_raise(plan.listener).close()  # before a JVM is started in vain
    questdb = EmbeddedQuestDB(
        data_dir, ports=Ports(), free_if_taken=True, notify=lambda line: print(line, flush=True)
    )
    with questdb as running:
        where = {
            "uri": running.pg_uri,
            "ilp_http_addr": running.http_addr,
            "ilp_tcp_addr": running.ilp_tcp_addr,
            **{key: environ[name] for key, name in HTTP_LOGIN.items() if environ.get(name)},
        }
        config = parse_config({**tables, "questdb": where}, environ)
        asyncio.run(apply_schema(running.pg_uri))
        first_day = FirstDay(config, f"http://{running.http_addr}/", SAMPLES_DIR, SystemClock())
        supervisor = Supervisor(service_plan(config), load=None, clock=SystemClock())
        with LogRelay():
            return supervisor.run(first_day.run, once=once)


def check(config_path: Path | None, *, as_json: bool) -> int:
    """Check config, QuestDB and its tables; one line per check."""
    from utility_ts_analytics.service.checks import run_checks

    config = load_config(config_path, os.environ)
    lines = asyncio.run(run_checks(config))
    _print_checks(lines, as_json=as_json)
    return EXIT_OK if all(line.ok for line in lines) else EXIT_FAILED


def schema_apply(config_path: Path | None, *, views_zone: str | None, as_json: bool) -> int:
    """Apply `sql/schema`, and `sql/views` if a zone is given; never drops or alters anything."""
    from utility_ts_analytics.database.schema import apply_schema
    from utility_ts_analytics.database.views import apply_views
    from utility_ts_analytics.service.checks import CheckLine

    config = load_config(config_path, os.environ)
    uri = config.questdb.pgwire_uri
    differences = asyncio.run(apply_schema(uri))
    lines = [CheckLine(str(difference), ok=not difference.is_error) for difference in differences]
    if not lines:
        lines = [CheckLine("every table is there as sql/schema says", ok=True)]
    if views_zone is not None:
        table = config.streams["meter_usage"].table
        views = asyncio.run(apply_views(uri, meter_table=table, zone=views_zone))
        lines += [CheckLine(view.text, ok=view.ok) for view in views]
    _print_checks(lines, as_json=as_json)
    return EXIT_OK if all(line.ok for line in lines) else EXIT_FAILED


def schema_show(*, views_zone: str | None) -> int:
    """Print `sql/schema`, and `sql/views` for the table's usual name if a zone is given."""
    from utility_ts_analytics.database.schema import schema_text
    from utility_ts_analytics.database.view_spec import views_text

    print(schema_text(), end="")
    if views_zone is not None:
        print(f"\n{views_text(zone=views_zone)}", end="")
    return EXIT_OK


def load(config_path: Path | None, options: "LoadOptions") -> int:
    """Store the readings of files."""
    from utility_ts_analytics.service.load_command import load_files

    config = load_config(config_path, os.environ)
    if options.stream not in STREAMS:
        raise ConfigError([f"--into: must be one of {', '.join(STREAMS)}, is {options.stream!r}"])
    # Unconfigured logs would go to standard output, in between the facts.
    configure_logs(level=config.server.log_level, log_format=config.server.log_format)
    return load_files(config, options)


def feeder_balance(config_path: Path | None, options: argparse.Namespace, *, as_json: bool) -> int:
    """Fill `feeder_energy_balance` for a period."""
    from utility_ts_analytics.service.balance_options import job_of
    from utility_ts_analytics.service.feeder_balance_command import balance_feeders

    now = datetime.now(tz=UTC)
    config, job = _config_and(config_path, lambda: job_of(options, now=now))
    configure_logs(level=config.server.log_level, log_format=config.server.log_format)
    return balance_feeders(config, job, as_json=as_json)


def report(config_path: Path | None, options: "ReportOptions") -> int:
    """Write the report of a period."""
    from utility_ts_analytics.service.report_command import terms_of, write_report

    now = datetime.now(tz=UTC)
    config, terms = _config_and(config_path, lambda: terms_of(options, now=now))
    print(write_report(config, terms, options.out, clock=SystemClock()))
    return EXIT_OK


def status(config_path: Path | None, *, as_json: bool) -> int:
    """Print what the running service reports; exit code 0 only if it is ready."""
    from utility_ts_analytics.service.status_text import status_text

    config = load_config(config_path, os.environ)
    facts = _fetch_status(config)
    if as_json:
        print(json.dumps(facts, indent=2))
    else:
        print(status_text(facts))
    return EXIT_OK if facts["ready"] else EXIT_FAILED


def _config_and(
    config_path: Path | None, read_options: Callable[[], OptionsT]
) -> tuple[Config, OptionsT]:
    """Return the config, and what the options mean; refuses both together."""
    problems: list[str] = []
    options = config = None
    try:
        options = read_options()
    except ConfigError as error:
        problems += error.problems
    try:
        config = load_config(config_path, os.environ)
    except ConfigError as error:
        problems += error.problems
    if config is None or options is None:
        raise ConfigError(problems)
    return config, options


def _print_checks(lines: "Sequence[CheckLine]", *, as_json: bool) -> None:
    if as_json:
        print(json.dumps([{"ok": line.ok, "text": line.text} for line in lines], indent=2))
        return
    for line in lines:
        print(f"{'ok  ' if line.ok else 'FAIL'} {line.text}")


def _fetch_status(config: Config) -> dict[str, object]:
    from utility_ts_analytics.service.local_http import ask_listener

    metrics = config.metrics
    token = metrics.auth_bearer_token
    headers = {} if token is None else {"Authorization": f"Bearer {token.reveal()}"}
    try:
        status, body = ask_listener(
            metrics.bind_address,
            "GET",
            "/status.json",
            tls=metrics.tls,
            timeout_s=_STATUS_TIMEOUT_S,
            headers=headers,
        )
        facts = json.loads(body) if status == HTTPStatus.OK else None
    except (OSError, http.client.HTTPException, ValueError, RecursionError) as error:
        raise OperatorError(
            f"cannot read the service's status at {metrics.bind_address}: {error}; is it running?"
        ) from error
    if not isinstance(facts, dict) or not _STATUS_MEMBERS.issubset(facts):
        raise OperatorError(
            f"cannot read the service's status at {metrics.bind_address}: it answers {status};"
            " does it run with this configuration?"
        )
    return facts
