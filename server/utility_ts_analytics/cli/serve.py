"""`ingestion-service serve`: the production server."""

import argparse
import os

import structlog

from utility_ts_analytics.cli.command import Command
from utility_ts_analytics.clock import SystemClock
from utility_ts_analytics.config import load_config
from utility_ts_analytics.errors import EXIT_CRASH_LOOP, EXIT_FAILED, EXIT_OK
from utility_ts_analytics.service.assembly import service_plan
from utility_ts_analytics.service.plans import ServicePlan
from utility_ts_analytics.service.service_manager import ServiceManager
from utility_ts_analytics.service.supervisor import Supervisor
from utility_ts_analytics.telemetry.log_relay import LogRelay
from utility_ts_analytics.telemetry.logs import configure_logs

_log = structlog.get_logger("supervisor")


def _run(options: argparse.Namespace) -> int:
    environ = dict(os.environ)

    def load() -> ServicePlan:
        return service_plan(load_config(options.config, environ))

    plan = load()
    configure_logs(level=plan.log_level, log_format=plan.log_format)
    clock = SystemClock()
    with LogRelay():
        for weakness in plan.weaknesses:
            _log.warning("a port is less guarded than it could be", weakness=weakness)
        manager = ServiceManager(environ, clock)
        return Supervisor(plan, load=load, clock=clock, manager=manager).run()


COMMAND = Command(
    name="serve",
    description="Run the ingestion server: the workers of each stream, and the operations port with"
    " status page and metrics. SIGTERM or Ctrl-C drains the queues and stops the server; SIGHUP"
    " reloads the configuration while requests go on.",
    examples={
        "--config ingestion-config.toml": "run until SIGTERM or Ctrl-C",
        "": "the same",
    },
    exit_codes={
        EXIT_OK: "stopped by SIGTERM or Ctrl-C",
        EXIT_FAILED: "cannot start, for example because a port is in use",
        EXIT_CRASH_LOOP: "workers crash in a loop",
    },
    run=_run,
)
