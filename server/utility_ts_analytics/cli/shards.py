"""`ingestion-service shards`: is every key in its shard, and how a range of partitions moves."""

import argparse
import asyncio
import os
from pathlib import Path

from utility_ts_analytics.cli.command import Command, extra_needed
from utility_ts_analytics.cli.terminal import print_checks, progress_line, show_progress
from utility_ts_analytics.clock import SystemClock
from utility_ts_analytics.config import Config, load_config
from utility_ts_analytics.consume.shard_map import (
    all_topics,
    count_members,
    count_partitions,
    shard_problems,
)
from utility_ts_analytics.errors import EXIT_FAILED, EXIT_OK, ConfigError, OperatorError
from utility_ts_analytics.service.monitoring.checks import CheckLine
from utility_ts_analytics.service.shards.keys import check_keys


def _add_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "action",
        choices=("check", "fill"),
        metavar="check|fill",
        help="check: is every key in the shard of its partition, and only there; fill: copy the"
        " readings of an earlier configuration into the shards of this one",
    )
    command.add_argument(
        "--from",
        dest="old",
        type=Path,
        metavar="PATH",
        help="the earlier configuration, with fill only (default: none); its databases that are"
        " shards now too must keep their partitions, and are left as they are",
    )


def _run(options: argparse.Namespace) -> int:
    if (options.action == "fill") != (options.old is not None):
        raise ConfigError(["--from: names the earlier configuration; give it with fill, only then"])
    config = load_config(options.config, os.environ)
    if not config.questdb.shards:
        raise ConfigError(["questdb.shards: there are none in this configuration"])
    partitions = _partitions(config)
    if options.action == "fill":
        lines = _fill(config, load_config(options.old, {}), partitions)
    else:
        reports = asyncio.run(check_keys(config, partitions, SystemClock()))
        lines = [line for report in reports for line in report.lines()]
    return print_checks(lines, as_json=options.json)


def _partitions(config: Config) -> dict[str, int]:
    """Return the number of partitions of each stream's topic.

    Raises:
        ConfigError: Shards and topics do not fit.
        OperatorError: The brokers do not answer, or have no topic of a stream.
    """
    counts = count_partitions(config.kafka, all_topics(config))
    problems = shard_problems(config, counts)
    if problems:
        raise ConfigError(problems)
    topics = {name: config.kafka.topics.of(name) for name in config.streams}
    missing = [topic for topic in topics.values() if topic not in counts]
    if missing:
        raise OperatorError(
            f"cannot tell partitions: Kafka has no topic {', '.join(missing)}; see kafka.topics"
        )
    return {name: counts[topic] for name, topic in topics.items()}


def _fill(config: Config, old: Config, partitions: dict[str, int]) -> list[CheckLine]:
    with extra_needed("fill shards", "files"):
        from utility_ts_analytics.service.shards.fill import fill_shards

    for kafka in (old.kafka, config.kafka):
        members = count_members(kafka)
        if members:
            raise OperatorError(
                f"cannot fill shards: the consumer group {kafka.group} has {members} members; stop"
                " consume everywhere first: readings wait in the log"
            )
    with progress_line():
        reports = asyncio.run(
            fill_shards(old, config, partitions, clock=SystemClock(), progress=show_progress)
        )
    return [line for report in reports for line in report.lines()]


COMMAND = Command(
    name="shards",
    description="Check that every meter and plant is in the shard of questdb.shards that has its"
    " partition, and only there; or fill new shards from the databases of an earlier configuration."
    " docs/KAFKA.md has the procedure that moves partitions to another shard.",
    examples={
        "check": "one line per shard and stream; misplaced keys are named",
        "fill --from old-config.toml": "copy readings into the shards of this configuration",
    },
    exit_codes={
        EXIT_OK: "every key is in its shard, or all readings were copied",
        EXIT_FAILED: "keys are misplaced, readings are missing, or a server does not answer",
    },
    add_options=_add_options,
    has_json=True,
    run=_run,
)
