"""`ingestion-service load`: files through the same checks, event ids and sinks as the server."""

import json
import os
import sys
from pathlib import Path

import uvloop

from utility_ts_analytics.clock import SystemClock
from utility_ts_analytics.config import Config
from utility_ts_analytics.ingest.journal import Journal
from utility_ts_analytics.service.load_dry_run import dry_run
from utility_ts_analytics.service.load_plan import LoadOptions, LoadPlan
from utility_ts_analytics.service.load_planning import (
    check_refused_files,
    make_plan,
    same_in_every_run,
)
from utility_ts_analytics.service.load_report import report_facts, report_text
from utility_ts_analytics.service.load_result import LoadResult
from utility_ts_analytics.service.load_run import LoadRun


def load_files(config: Config, options: LoadOptions) -> int:
    """Store the readings of files in order; bounded memory whatever their size.

    Args:
        config: As of the server; `ack` does not matter here, every row is waited for.
        options: What to load, and how.

    Returns:
        0 if every line of every input is stored (in a dry run: would be), else 1.

    Raises:
        ConfigError: What was asked for cannot be done; lists all problems. Nothing was read.
        OperatorError: The table cannot take rows, or the journal cannot be kept.
    """
    clock = SystemClock()
    plan = make_plan(config, options, wall_ns=clock.wall_ns())
    if options.dry_run:
        return _report(dry_run(plan, clock), plan, options, resumable=False)
    if not any(entry.is_file for entry in plan.inputs):
        check_refused_files(plan, None)
        return _report(_run(config, options, plan, None), plan, options, resumable=False)
    with _journal(config, options) as journal:
        check_refused_files(plan, journal)
        if journal.notice is not None:
            _tell(f"loaded from the start: {journal.notice}")
        result = _run(config, options, plan, journal)
        if result.complete:
            journal.remove()
    return _report(result, plan, options, resumable=True)


def _run(
    config: Config, options: LoadOptions, plan: LoadPlan, journal: Journal | None
) -> LoadResult:
    run = LoadRun(config, options.stream, plan, journal, SystemClock())
    return uvloop.run(run.run())


def _journal(config: Config, options: LoadOptions) -> Journal:
    command = (options.stream, *(str(path.absolute()) for path in options.paths))
    target = same_in_every_run(config, options)
    return Journal(options.journal or _journal_folder(), command, target, restart=options.restart)


def _journal_folder() -> Path:
    """Return where programs keep what they would not like to lose (XDG base directories)."""
    state = os.environ.get("XDG_STATE_HOME")
    base = Path(state) if state else Path.home() / ".local" / "state"
    return base / "ingestion-service" / "loads"


def _report(result: LoadResult, plan: LoadPlan, options: LoadOptions, *, resumable: bool) -> int:
    for notice in result.notices:
        _tell(notice)
    if options.as_json:
        facts = report_facts(result, plan.skipped, stream=options.stream, dry_run=options.dry_run)
        print(json.dumps(facts, indent=2))
    else:
        lines = report_text(result, plan.skipped, dry_run=options.dry_run, resumable=resumable)
        for line in lines:
            print(line)
    code = 0 if result.ok else 1
    if result.reader_stuck:
        # A thread waits for standard input in a lock that the interpreter would need at its end.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


def _tell(notice: str) -> None:
    print(f"ingestion-service: {notice}", file=sys.stderr)
