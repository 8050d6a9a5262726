"""`ingestion-service consume` as a child process, for one test's topics."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
from tests.process.log_topics import NONE, LogTopics
from tests.process.process_family import descendants
from tests.process.running_service import (
    QuestDBPorts,
    RunningService,
    Section,
    ServicePorts,
    free_ports,
    merged,
    write_config,
)


@contextlib.contextmanager
def run_consumer(
    place: Path,
    questdb: QuestDBPorts,
    topics: LogTopics,
    overrides: Section = NONE,
    *,
    ready: bool = True,
) -> Iterator[RunningService]:
    """Run one consumer in a directory of its own below `place`, for the length of a `with` block.

    Args:
        place: Exists.
        questdb: Need not answer unless `ready`.
        topics: What it reads; their section is the default of `overrides`.
        overrides: Settings that differ from the defaults of these tests.
        ready: Whether to wait for `/readyz`.
    """
    ports = ServicePorts(*free_ports(3))
    folder = place / f"consumer{ports.operations}"
    folder.mkdir()
    settings = merged({"kafka": topics.settings()}, overrides)
    config = write_config(folder / "config.toml", questdb, ports, settings)
    consumer = RunningService(config, ports, folder / "output.log", verb="consume")
    consumer.start()
    try:
        if ready:
            consumer.wait_ready()
        yield consumer
    finally:
        consumer.end()
    # It is replaced at once, so that nothing else would tell.
    lines = [line for line in consumer.output().splitlines() if '"a worker died"' in line]
    assert [line for line in lines if '"stream": "operations"' in line] == []


def worker_pids(consumer: RunningService, stream: str) -> list[int]:
    """Return the worker processes of a stream, as `/status.json` names them."""
    status = msgspec.json.decode(consumer.ask_operations("/status.json").body)
    return [int(worker["pid"]) for worker in status["streams"][stream]["workers"]]


def family_of(consumer: RunningService) -> list[int]:
    """Return all processes of a consumer."""
    return [consumer.process.pid, *descendants(consumer.process.pid)]


def signal_all(pids: list[int], number: int) -> None:
    """Send a signal to processes, those that ended meanwhile left out."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
