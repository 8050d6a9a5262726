"""`ingestion-service archive`: keeps history as Parquet files, verifies and restores it."""

import argparse
import asyncio
import re
import sys
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal, assert_never

import structlog

from utility_ts_analytics.cli import archive_report
from utility_ts_analytics.cli.command import Command, extra_needed
from utility_ts_analytics.cli.options import add_archive_dir, add_repeated, config_and
from utility_ts_analytics.cli.terminal import progress_line, show_progress
from utility_ts_analytics.clock import SystemClock
from utility_ts_analytics.config import Config
from utility_ts_analytics.errors import EXIT_FAILED, EXIT_OK, ConfigError, OperatorError

if TYPE_CHECKING:
    from utility_ts_analytics.archive.job import ArchiveJob

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
    job = _job(config, request)
    if request.watch is not None:
        return asyncio.run(_repeat(job, request.watch, as_json=options.json))
    return asyncio.run(_once(job, request, as_json=options.json))


def _job(config: Config, request: ArchiveRequest) -> "ArchiveJob":
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


async def _once(job: "ArchiveJob", request: ArchiveRequest, *, as_json: bool) -> int:
    from utility_ts_analytics.archive.drop import drop_before
    from utility_ts_analytics.archive.restore import restore_archive
    from utility_ts_analytics.archive.verify import verify_archive

    match request.action:
        case "update":
            return await _update(job, as_json=as_json)
        case "verify":
            with progress_line():
                verified = await verify_archive(job)
            return archive_report.print_verify(verified, as_json=as_json)
        case "restore":
            with progress_line():
                restored = await restore_archive(job)
            return archive_report.print_restore(restored, as_json=as_json)
        case "drop":
            assert request.end is not None  # noqa: S101
            with progress_line():
                dropped = await drop_before(job, request.end)
            return archive_report.print_drop(dropped, as_json=as_json)
        case _:
            assert_never(request.action)


async def _update(job: "ArchiveJob", *, as_json: bool) -> int:
    from utility_ts_analytics.archive.update import update_archive

    with progress_line():
        reports = await update_archive(job)
    return archive_report.print_update(reports, as_json=as_json)


async def _repeat(job: "ArchiveJob", watch: Watch, *, as_json: bool) -> int:
    """Update, wait, and again, until a signal ends the process."""
    while True:
        started = job.now().astimezone()
        try:
            await _update(job, as_json=as_json)
            sys.stdout.flush()
        except OperatorError as error:
            # By the next pass QuestDB, the disk or the other run may be as they should be.
            _log.error("archive pass failed", error=str(error))
        now = job.now().astimezone()
        due = watch.next_after(started, now)
        await job.clock.sleep(max(1.0, (due - now).total_seconds()))


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
