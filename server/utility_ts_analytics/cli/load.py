"""`ingestion-service load`: files through the same checks, event ids and sinks as the server."""

import argparse
import contextlib
import os
import sys
from pathlib import Path

import uvloop

from utility_ts_analytics.cli.command import Command
from utility_ts_analytics.cli.options import config_and
from utility_ts_analytics.cli.terminal import print_json
from utility_ts_analytics.clock import SystemClock
from utility_ts_analytics.config import Config
from utility_ts_analytics.errors import EXIT_FAILED, EXIT_OK, ConfigError
from utility_ts_analytics.files.books.journal import Journal
from utility_ts_analytics.files.dry_run import dry_run
from utility_ts_analytics.files.file_kinds import FILE_KINDS
from utility_ts_analytics.files.options import REFUSED_MAX, LoadOptions
from utility_ts_analytics.files.plan import (
    LoadPlan,
    check_refused_files,
    make_plan,
    same_in_every_run,
)
from utility_ts_analytics.files.report import printable, report_facts, report_text
from utility_ts_analytics.files.result import LoadResult
from utility_ts_analytics.files.run import LoadRun
from utility_ts_analytics.records.streams import STREAMS


def _add_options(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add(
        "paths",
        nargs="+",
        type=Path,
        metavar="PATH",
        help="file, folder, zip file or named pipe; - is standard input",
    )
    add("--into", required=True, metavar="STREAM", help=f"target stream: {' or '.join(STREAMS)}")
    add(
        "--mapping",
        type=Path,
        metavar="FILE.sql",
        help="SELECT that turns records into the stream's fields, docs/MAPPINGS.md (default: none,"
        " columns are named as the fields)",
    )
    add(
        "--format",
        choices=[kind for kind in FILE_KINDS if kind != "zip"],
        metavar="KIND",
        help="treat every input as this format, ignore content and file extensions: %(choices)s"
        " (default: by content, then by extension)",
    )
    add(
        "--dry-run", action="store_true", help="check every record, store nothing; needs no QuestDB"
    )
    add(
        "--refused",
        type=Path,
        metavar="DIR",
        help="write refused records to this folder, to be corrected and loaded again (default: only"
        " count them and print the first)",
    )
    add(
        "--max-refused",
        type=_count,
        default=REFUSED_MAX,
        metavar="N",
        help="stop reading a file after N refused records; 0 sets no limit (default: %(default)s)",
    )
    add(
        "--on-conflict",
        choices=("fail", "last"),
        default="fail",
        metavar="fail|last",
        help="when a record of this load replaces an earlier one with other values: fail exits with"
        " 1, last accepts the later record (default: %(default)s)",
    )
    add(
        "--journal",
        type=Path,
        metavar="DIR",
        help="folder that records the progress of a load, to resume it (default:"
        " ingestion-service/loads in $XDG_STATE_HOME, else in ~/.local/state)",
    )
    add("--restart", action="store_true", help="start from the beginning, ignore the journal")


def _count(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = -1
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 0")
    return number


def load_options(options: argparse.Namespace) -> LoadOptions:
    """Return what parsed options ask for.

    Raises:
        ConfigError: There is no such stream.
    """
    if options.into not in STREAMS:
        raise ConfigError([f"--into: must be one of {', '.join(STREAMS)}, is {options.into!r}"])
    return LoadOptions(
        paths=options.paths,
        stream=options.into,
        mapping=options.mapping,
        kind=options.format,
        refused=options.refused,
        refused_max=options.max_refused,
        last_wins=options.on_conflict == "last",
        journal=options.journal,
        restart=options.restart,
        dry_run=options.dry_run,
        as_json=options.json,
    )


def _run(options: argparse.Namespace) -> int:
    return load_files(*config_and(options.config, lambda: load_options(options)))


def load_files(config: Config, options: LoadOptions) -> int:
    """Store the readings of files in order; bounded memory whatever their size.

    Args:
        config: As of the server; `ack` does not matter here, every row is waited for.
        options: What to load, and how.

    Returns:
        0 if every record of every input is stored (in a dry run: would be) without a conflict, else
        1.

    Raises:
        ConfigError: The options cannot be used; lists all problems. Nothing was read.
        OperatorError: The table cannot take rows, or the journal cannot be kept.
    """
    clock = SystemClock()
    plan = make_plan(config, options, wall_ns=clock.wall_ns())
    if options.dry_run:
        return _report(dry_run(plan, clock), plan, options, resumable=False)
    if not any(entry.is_file for entry in plan.inputs):
        check_refused_files(plan, None)
        return _report(_deliver(config, options, plan, None), plan, options, resumable=False)
    with _journal(config, options) as journal:
        check_refused_files(plan, journal)
        if journal.notice is not None:
            _tell(f"loaded from the start: {journal.notice}")
        result = _deliver(config, options, plan, journal)
        code = _report(result, plan, options, resumable=True)
        if result.complete:
            # Last of all: until it is told what became of the load, the same command tells it.
            with contextlib.suppress(OSError):  # nobody reads it any more
                sys.stdout.flush()
            journal.remove()
    return code


def _deliver(
    config: Config, options: LoadOptions, plan: LoadPlan, journal: Journal | None
) -> LoadResult:
    run = LoadRun(config, options.stream, plan, journal, clock=SystemClock(), tell=_tell)
    with contextlib.closing(plan):
        return uvloop.run(run.run())


def _journal(config: Config, options: LoadOptions) -> Journal:
    command = (options.stream, *(str(path.absolute()) for path in options.paths))
    target = same_in_every_run(config, options)
    return Journal(options.journal or _journal_folder(), command, target, restart=options.restart)


def _journal_folder() -> Path:
    """Return the folder for persistent state of programs (XDG base directories)."""
    state = os.environ.get("XDG_STATE_HOME")
    base = Path(state) if state else Path.home() / ".local" / "state"
    return base / "ingestion-service" / "loads"


def _report(result: LoadResult, plan: LoadPlan, options: LoadOptions, *, resumable: bool) -> int:
    for notice in result.notices:
        _tell(notice)
    if options.as_json:
        facts = report_facts(
            result,
            plan.skipped,
            stream=options.stream,
            dry_run=options.dry_run,
            last_wins=options.last_wins,
        )
        print_json(facts)
    else:
        lines = report_text(
            result,
            plan.skipped,
            dry_run=options.dry_run,
            resumable=resumable,
            last_wins=options.last_wins,
        )
        for line in lines:
            print(line)
    fine = result.ok and result.may_replace(last_wins=options.last_wins)
    code = EXIT_OK if fine else EXIT_FAILED
    if result.reader_stuck:
        # A thread waits for standard input in a lock that the interpreter would need at its end.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


def _tell(notice: str) -> None:
    print(f"ingestion-service: {printable(notice)}", file=sys.stderr)


COMMAND = Command(
    name="load",
    description="Store the readings of files, through the same rules, event ids and sinks as the"
    " server: files that are loaded twice, or also posted, leave the same rows. Run the same"
    " command again to resume an interrupted load. docs/LOADING.md has the formats.",
    examples={
        "readings.csv --into meter_usage --dry-run": "check a file, store nothing",
        "readings.csv --into meter_usage --refused refused": "keep what is refused",
    },
    exit_codes={
        EXIT_OK: "every record of every file is stored (in a dry run: would be)",
        EXIT_FAILED: "a record is not stored, or replaces another one; the output says which",
    },
    add_options=_add_options,
    has_json=True,
    run=_run,
)
