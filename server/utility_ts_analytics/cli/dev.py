"""`ingestion-service dev`: everything on one machine, for a first look."""

import argparse
import os
from pathlib import Path
from typing import Final

from utility_ts_analytics.cli.command import Command
from utility_ts_analytics.config import read_tables
from utility_ts_analytics.errors import EXIT_FAILED, EXIT_OK
from utility_ts_analytics.service.demo import run_demo

_SAMPLES_DIR: Final = Path(__file__).parents[3] / "data-samples"
"""In a checkout; an installed package has none."""


def _add_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--data-dir",
        type=Path,
        default=Path(".questdb"),
        metavar="DIR",
        help="where the embedded QuestDB, and the broker, keep their data (default: %(default)s)",
    )
    command.add_argument(
        "--kafka",
        action="store_true",
        help="send the readings through a log: an embedded Kafka broker on a free port, and"
        " `consume` with an operations port of its own",
    )
    command.add_argument(
        "--once",
        action="store_true",
        help="stop when the samples are stored and counted (default: run until Ctrl-C)",
    )


def _run(options: argparse.Namespace) -> int:
    return run_demo(
        read_tables(options.config) if options.config is not None else {},
        dict(os.environ),
        data_dir=options.data_dir,
        samples_dir=_SAMPLES_DIR,
        once=options.once,
        with_kafka=options.kafka,
    )


COMMAND = Command(
    name="dev",
    description="Run everything on this machine: an embedded QuestDB, the schema, the server, and,"
    " on the first start, store the readings of data-samples/. Prints the addresses, the status"
    " page first, and the number of stored rows. QuestDB listens on the ports of the configuration,"
    " or on free ones if those are in use.",
    examples={
        "": "run until Ctrl-C",
        "--once": "start, store and count the samples, stop",
        "--kafka": "the same by way of Kafka and consume",
        "--data-dir tmp/questdb": "keep QuestDB's data somewhere else",
    },
    exit_codes={
        EXIT_OK: "stopped; with --once, every sample row is stored once",
        EXIT_FAILED: "cannot start, or sample rows are missing",
    },
    config_default="built-in values, those of ingestion-config.example.toml",
    add_options=_add_options,
    run=_run,
)
