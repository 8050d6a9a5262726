"""`ingestion-service consume`: from the log into QuestDB."""

import argparse
import os

from utility_ts_analytics.cli.command import Command
from utility_ts_analytics.clock import SystemClock
from utility_ts_analytics.config import load_config
from utility_ts_analytics.consume.shard_map import check_shards_or_raise
from utility_ts_analytics.errors import EXIT_CRASH_LOOP, EXIT_FAILED, EXIT_OK
from utility_ts_analytics.service.consume_assembly import consume_plan
from utility_ts_analytics.service.plans import ServicePlan
from utility_ts_analytics.service.replay import replay_dead_letters
from utility_ts_analytics.service.service_manager import ServiceManager
from utility_ts_analytics.service.supervisor import Supervisor
from utility_ts_analytics.telemetry.log_relay import LogRelay
from utility_ts_analytics.telemetry.logs import configure_logs


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--replay-dead-letters",
        action="store_true",
        help="read the dead-letter topics up to their present end instead, and exit; a record that"
        " is stored by this counts as the newest version of its reading",
    )


def _run(options: argparse.Namespace) -> int:
    environ = dict(os.environ)

    def load() -> ServicePlan:
        config = load_config(options.config, environ)
        check_shards_or_raise(config)
        return consume_plan(config)

    plan = load()
    configure_logs(level=plan.log_level, log_format=plan.log_format)
    if options.replay_dead_letters:
        return replay_dead_letters(load_config(options.config, environ), tell=print)
    clock = SystemClock()
    with LogRelay():
        return Supervisor(
            plan, load=load, clock=clock, manager=ServiceManager(environ, clock)
        ).run()


COMMAND = Command(
    name="consume",
    description="Read the log (Kafka) and store its readings in QuestDB: worker processes for each"
    " stream, as members of the consumer group, and the operations port with status page and"
    " metrics. Offsets are committed once QuestDB has every row; refused records go to a"
    " dead-letter topic. SIGTERM or Ctrl-C stops it in order; SIGHUP reloads the configuration.",
    examples={
        "--config ingestion-config.toml": "run until SIGTERM or Ctrl-C",
        "--replay-dead-letters": "try refused records again, once their cause is removed",
    },
    exit_codes={
        EXIT_OK: "stopped by SIGTERM or Ctrl-C, or all dead letters were read",
        EXIT_FAILED: "cannot start, or not all dead letters could be read",
        EXIT_CRASH_LOOP: "workers crash in a loop",
    },
    run=_run,
    add_options=_add_options,
)
