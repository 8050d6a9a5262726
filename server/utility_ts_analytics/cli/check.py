"""`ingestion-service check`: is everything set up right?"""

import argparse
import asyncio
import os

from utility_ts_analytics.cli.command import Command
from utility_ts_analytics.cli.terminal import print_checks
from utility_ts_analytics.config import load_config
from utility_ts_analytics.errors import EXIT_FAILED, EXIT_OK
from utility_ts_analytics.service.monitoring.checks import run_checks


def _run(options: argparse.Namespace) -> int:
    config = load_config(options.config, os.environ)
    return print_checks(asyncio.run(run_checks(config)), as_json=options.json)


COMMAND = Command(
    name="check",
    description="Check the configuration, the connection to QuestDB, its tables and views, tokens,"
    " certificates, folders, and the limits of the kernel and of QuestDB. Prints one line per"
    " check, `ok` or `FAIL` with what to do. Changes nothing.",
    examples={
        "--config ingestion-config.toml": "one line per check",
        "--json": "the same for programs",
    },
    exit_codes={EXIT_OK: "every check passed", EXIT_FAILED: "at least one check failed"},
    has_json=True,
    run=_run,
)
