"""`ingestion-service status`: the facts of the status page, in the terminal."""

import argparse
import os

from utility_ts_analytics.cli.command import Command
from utility_ts_analytics.cli.status_text import status_text
from utility_ts_analytics.cli.terminal import print_json
from utility_ts_analytics.config import load_config
from utility_ts_analytics.errors import EXIT_FAILED, EXIT_OK
from utility_ts_analytics.service.local_http import fetch_status


def _run(options: argparse.Namespace) -> int:
    facts = fetch_status(load_config(options.config, os.environ).metrics)
    if options.json:
        print_json(facts)
    else:
        print(status_text(facts))
    return EXIT_OK if facts["ready"] else EXIT_FAILED


COMMAND = Command(
    name="status",
    description="Show the facts of the status page of the service that runs on this machine with"
    " this configuration: readiness and its reasons, rates, queues, refusals, workers, QuestDB, the"
    " last errors.",
    examples={
        "--config ingestion-config.toml": "the whole status",
        "--json": "/status.json, for programs",
    },
    exit_codes={EXIT_OK: "ready", EXIT_FAILED: "not ready, or the service does not answer"},
    has_json=True,
    run=_run,
)
