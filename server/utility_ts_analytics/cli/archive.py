"""`ingestion-service archive`: keeps history as Parquet files, verifies and restores it."""

import argparse
import asyncio
import re
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar, assert_never

import structlog

from utility_ts_analytics.cli import archive_report
from utility_ts_analytics.cli.command import Command, extra_needed
from utility_ts_analytics.cli.options import add_archive_dir, add_repeated, config_and
from utility_ts_analytics.cli.terminal import progress_line, show_progress
from utility_ts_analytics.clock import SystemClock
from utility_ts_analytics.config import Config
from utility_ts_analytics.errors import EXIT_FAILED, EXIT_OK, ConfigError, OperatorError
from utility_ts_analytics.service.monitoring.stores_watch import named

if TYPE_CHECKING:
    from utility_ts_analytics.archive.job import ArchiveJob

    Jobs = Mapping[str, ArchiveJob]
    """By the name of the shard; "" without shards."""

ResultT = TypeVar("ResultT")

Action = Literal["update", "verify", "restore", "drop"]

_MINUTES = re.compile(r"([0-9]{1,5})m", re.ASCII)
_MINUTES_MAX = 7 * 24 * 60

_log = structlog.get_logger("archive")


@dataclass(frozen=True, slots=True)
class Watch:
    """When the next pass of `--watch` begins; exactly one attribute is set.

    Attributes:
        every: Time after the start of the last pass.
        at: Every day at this local time.
    """

    every: timedelta | None = None
    at: time | None = None

    def next_after(self, started: datetime, now: datetime) -> datetime:
        """Return when the next pass begins.

        Args:
            started: When the last one began; local time, aware.
            now: The same clock, later.
        """
        if self.every is not None:
            return max(started + self.every, now)
        assert self.at is not None  # noqa: S101
        # By the wall clock: on the day of a clock change the night is an hour shorter or longer.
        due = datetime.combine(now.date(), self.at).astimezone()
        if due <= now:
            due = datetime.combine(now.date() + timedelta(days=1), self.at).astimezone()
        return due


@dataclass(frozen=True, slots=True)
class ArchiveRequest:
    """What was asked for.

    Attributes:
        action: What to do.
        folder: `--dir`; None takes the configured one.
        end: Of "drop": partitions that end before this day (UTC).
        tables: Only these, by their names in QuestDB; empty takes all.
        watch: Of "update": when to run again; None does one pass.
    """

    action: Action = "update"
    folder: Path | None = None
    end: date | None = None
    tables: tuple[str, ...] = ()
    watch: Watch | None = None


def _add_options(command: argparse.ArgumentParser) -> None:
    add_archive_dir(command)
    add_repeated(
        command, "--table", "TABLE", "use this table only, such as meter_usage", "all tables"
    )
    group = command.add_argument_group("instead of one update, one of")
    action = group.add_mutually_exclusive_group()
    action.add_argument(
        "--verify", action="store_true", help="read every file and compare it with QuestDB"
    )
    action.add_argument(
        "--restore",
        action="store_true",
        help="send the archived rows to QuestDB, whose tables must be empty",
    )
    action.add_argument(
        "--drop-before",
        metavar="DATE",
        help="drop partitions that end before this day (UTC, YYYY-MM-DD) from QuestDB, if the"
        " archive has every row of them (default: drop nothing)",
    )
    action.add_argument(
        "--watch",
        metavar="WHEN",
        help="keep running and update again: every so many minutes (15m), or daily at a local time"
        " (02:30) (default: one update)",
    )


def archive_request(options: argparse.Namespace) -> ArchiveRequest:
    """Return what parsed options ask for.

    Raises:
        ConfigError: Options are wrong; lists every problem.
    """
    problems: list[str] = []
    end = None
    if options.drop_before is not None:
        try:
            end = date.fromisoformat(options.drop_before)
        except ValueError:
            problems.append(f"--drop-before: must be YYYY-MM-DD, is {options.drop_before!r}")
    watch = None
    if options.watch is not None:
        watch = _watch_of(options.watch)
        if watch is None:
            problems.append(
                f"--watch: must be minutes such as 15m, or a time such as 02:30, is"
                f" {options.watch!r}"
            )
    if problems:
        raise ConfigError(problems)
    action: Action = "update" if end is None else "drop"
    if options.verify or options.restore:
        action = "verify" if options.verify else "restore"
    return ArchiveRequest(action, options.dir, end, tuple(options.tables), watch)


def _watch_of(text: str) -> Watch | None:
    if (match := _MINUTES.fullmatch(text)) is not None:
        minutes = int(match[1])
        return Watch(every=timedelta(minutes=minutes)) if 1 <= minutes <= _MINUTES_MAX else None
    try:
        return Watch(at=datetime.strptime(text, "%H:%M").time())  # noqa: DTZ007
    except ValueError:
        return None


def _run(options: argparse.Namespace) -> int:
    config, request = config_and(options.config, lambda: archive_request(options))
    jobs = {shard: _job(one, request) for shard, one in config.databases.items()}
    if request.watch is not None:
        return asyncio.run(_repeat(jobs, request.watch, as_json=options.json))
    return asyncio.run(_once(jobs, request, as_json=options.json))


def _job(config: Config, request: ArchiveRequest) -> "ArchiveJob":
    """Return the work for one QuestDB."""
    with extra_needed("archive", "files"):
        from utility_ts_analytics.archive import drop, restore, update  # noqa: F401
        from utility_ts_analytics.archive.export import http_of
        from utility_ts_analytics.archive.job import ArchiveJob
        from utility_ts_analytics.archive.tables import archive_tables
    settings = config.archive
    folder = request.folder or (None if settings.dir is None else Path(settings.dir))
    tables = archive_tables(config.stream_tables)
    known = [table.name for table in tables]
    problems = [
        f"--table: must be one of {', '.join(known)}, is {name!r}"
        for name in request.tables
        if name not in known
    ]
    if folder is None:
        problems.append("archive.dir: is not set; name the archive's folder there or with --dir")
    if folder is None or problems:
        raise ConfigError(problems)
    return ArchiveJob(
        root=folder,
        shard=settings.shard,
        tables=[table for table in tables if not request.tables or table.name in request.tables],
        pg_uri=config.questdb.pgwire_uri,
        server=http_of(config.questdb),
        event_ids=settings.event_ids,
        final_after_hours=settings.final_after_hours,
        memory_mib=settings.memory_mib,
        clock=SystemClock(),
        progress=_show_progress,
    )


async def _each(
    jobs: "Jobs",
    work: "Callable[[ArchiveJob], Awaitable[ResultT]]",
    show: "Callable[[Mapping[str, ResultT]], int]",
) -> int:
    """Do the work for one shard after the other, and show what was done.

    A shard that fails leaves the others to be done.

    Raises:
        OperatorError: With the errors of all that failed.
    """
    done: dict[str, ResultT] = {}
    errors: list[OperatorError] = []
    with progress_line():
        for shard, job in jobs.items():
            try:
                done[shard] = await work(job)
            except OperatorError as error:
                errors.append(OperatorError(named(shard, str(error))) if shard else error)
    code = show(done) if done else EXIT_FAILED
    if errors:
        raise errors[0] if len(errors) == 1 else OperatorError("; ".join(map(str, errors)))
    return code


async def _once(jobs: "Jobs", request: ArchiveRequest, *, as_json: bool) -> int:
    from utility_ts_analytics.archive.drop import drop_before
    from utility_ts_analytics.archive.restore import restore_archive
    from utility_ts_analytics.archive.verify import verify_archive

    match request.action:
        case "update":
            return await _update(jobs, as_json=as_json)
        case "verify":
            show = partial(archive_report.print_verify, as_json=as_json)
            return await _each(jobs, verify_archive, show)
        case "restore":
            show = partial(archive_report.print_restore, as_json=as_json)
            return await _each(jobs, restore_archive, show)
        case "drop":
            assert request.end is not None  # noqa: S101
            show = partial(archive_report.print_drop, as_json=as_json)
            return await _each(jobs, partial(drop_before, end=request.end), show)
        case _:
            assert_never(request.action)


async def _update(jobs: "Jobs", *, as_json: bool) -> int:
    from utility_ts_analytics.archive.update import update_archive

    show = partial(archive_report.print_update, as_json=as_json)
    return await _each(jobs, update_archive, show)


async def _repeat(jobs: "Jobs", watch: Watch, *, as_json: bool) -> int:
    """Update, wait, and again, until a signal ends the process."""
    clock = SystemClock()

    def now() -> datetime:
        return datetime.fromtimestamp(clock.wall_ns() / 1e9).astimezone()

    while True:
        started = now()
        try:
            await _update(jobs, as_json=as_json)
            sys.stdout.flush()
        except OperatorError as error:
            # By the next pass QuestDB, the disk or the other run may be as they should be.
            _log.error("archive pass failed", error=str(error))
        later = now()
        due = watch.next_after(started, later)
        await clock.sleep(max(1.0, (due - later).total_seconds()))


def _show_progress(text: str, done: int, total: int) -> None:
    filled = 20 * done // max(1, total)
    bar = "#" * filled + "." * (20 - filled)
    show_progress(f"[{bar}] {text}, {done + 1} of {total}")


COMMAND = Command(
    name="archive",
    description="Keep history as Parquet files, one per table and day. Without --verify, --restore,"
    " --drop-before or --watch, update the archive once: write what is new or changed since the"
    " last run. It can be interrupted and run again. docs/ARCHIVE.md has the layout.",
    examples={
        "--dir archive": "write what is new or changed",
        "--dir archive --verify": "compare every archived day with QuestDB",
        "--dir archive --drop-before 2024-01-01": "free QuestDB of archived days",
    },
    exit_codes={
        EXIT_OK: "done",
        EXIT_FAILED: "a file differs or is damaged, a partition is not dropped, QuestDB is away",
    },
    add_options=_add_options,
    has_json=True,
    run=_run,
)
