"""`consume --replay-dead-letters`: refused records once more, up to their topic's present end."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

import uvloop

from utility_ts_analytics.config import Config
from utility_ts_analytics.consume.progress import GroupProgress
from utility_ts_analytics.consume.shard_map import dead_letter_topic
from utility_ts_analytics.errors import EXIT_FAILED, EXIT_OK
from utility_ts_analytics.owned_folder import make_owned_folder
from utility_ts_analytics.service.consume_assembly import make_worker
from utility_ts_analytics.telemetry.layout import offset_of
from utility_ts_analytics.telemetry.registry import DEAD_LETTERS, ROWS_STORED, SINKS

_GROUP_SUFFIX: Final = ".replay"
"""The replay has offsets of its own: a letter is replayed once, by whichever run comes first."""


def replay_dead_letters(config: Config, *, tell: Callable[[str], None]) -> int:
    """Replay the letters of all streams, one stream after the other.

    Args:
        config: All of it.
        tell: Gets one line per stream.

    Returns:
        The exit code.

    Raises:
        OperatorError: The brokers do not answer.
    """
    folder = make_owned_folder("ingestion-replay-")
    try:
        return _replay(config, folder, tell)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _replay(config: Config, folder: Path, tell: Callable[[str], None]) -> int:
    code = EXIT_OK
    for name in config.streams:
        topic = dead_letter_topic(config.kafka, name)
        progress = GroupProgress(config.kafka, topic, config.kafka.group + _GROUP_SUFFIX)
        try:
            if not progress.exists():
                tell(f"{name}: there is no topic {topic}")
                continue
            tell(f"{name}: {_replay_stream(config, name, topic, progress, folder)}")
            left = progress.left()
            if left:
                tell(f"{name}: interrupted; {left} letters are left")
                code = EXIT_FAILED
        finally:
            progress.close()
    return code


def _replay_stream(
    config: Config, name: str, topic: str, progress: GroupProgress, folder: Path
) -> str:
    async def work() -> str:
        worker = make_worker(
            config, name, folder, topic=topic, group=progress.group, ends=progress.ends
        )
        await worker.run(until=lambda: progress.left() == 0)
        words = worker.state_file.measures.words
        stored = sum(words[offset_of(ROWS_STORED, sink)] for sink in SINKS)
        refused = words[offset_of(DEAD_LETTERS, "kept")]
        return f"{stored} records stored, {refused} refused again"

    if progress.left() == 0:
        return "no letters to replay"
    return uvloop.run(work())
