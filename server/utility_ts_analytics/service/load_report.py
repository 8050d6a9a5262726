"""What a load or a dry run says at its end, for people and as JSON. Pure."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from utility_ts_analytics.asgi.responses import Json
from utility_ts_analytics.ingest.account import Account
from utility_ts_analytics.ingest.refused_files import reasons_path
from utility_ts_analytics.service.load_result import FileResult, LoadResult

_SKIPPED_LISTED_MAX = 10


def report_text(
    result: LoadResult, skipped: Sequence[Path], *, dry_run: bool, resumable: bool
) -> Iterator[str]:
    """Yield the lines for people.

    Args:
        result: Of the load.
        skipped: Files that were not taken.
        dry_run: Whether nothing was stored.
        resumable: Whether the same command goes on where this one ended.
    """
    for file in result.files:
        yield from _file_lines(file, dry_run=dry_run)
    if len(result.files) > 1:
        stored = sum(file.account.stored_rows for file in result.files)
        lines = sum(file.account.lines for file in result.files)
        yield f"all {len(result.files):,} files: {_counts(stored, lines, dry_run=dry_run)}"
    if skipped:
        named = ", ".join(str(path) for path in skipped[:_SKIPPED_LISTED_MAX])
        more = len(skipped) - _SKIPPED_LISTED_MAX
        rest = f" and {more:,} more" if more > 0 else ""
        yield f"skipped, as their kind is not known: {named}{rest}"
    if result.stopped is not None:
        yield f"stopped: {result.stopped}"
    if not result.complete and not dry_run:
        yield (
            "every row counted above is stored; the same command goes on from there"
            if resumable
            else "every row counted above is stored; loading all of it again is safe"
        )


def report_facts(
    result: LoadResult, skipped: Sequence[Path], *, stream: str, dry_run: bool
) -> dict[str, Json]:
    """Return the same for programs."""
    accounts = [file.account for file in result.files]
    return {
        "stream": stream,
        "dry_run": dry_run,
        "ok": result.ok,
        "accepted": sum(account.stored_rows for account in accounts),
        "parse_errors": sum(account.parse_errors for account in accounts),
        "rejected": sum(account.rejected for account in accounts),
        "stopped": result.stopped,
        "notices": list(result.notices),
        "skipped": [str(path) for path in skipped],
        "files": [_file_facts(file) for file in result.files],
    }


def _counts(stored: int, lines: int, *, dry_run: bool) -> str:
    return f"{stored:,} of {lines:,} rows {'would be stored' if dry_run else 'stored'}"


def _file_lines(file: FileResult, *, dry_run: bool) -> Iterator[str]:
    account = file.account
    if file.state == "failed" and account.lines == 0:
        yield f"{file.input.path}: nothing of it was loaded: {file.problem}"
        return
    counts = _counts(account.stored_rows, account.lines, dry_run=dry_run)
    before = " by the run before" if file.state == "complete-before" else ""
    yield (
        f"{file.input.path}: {counts}{before},"
        f" {account.parse_errors:,} parse errors, {account.rejected:,} rejected"
    )
    if account.first is not None and account.last is not None:
        keys = f"{account.key_count:,}" if account.key_count is not None else "over a million"
        span = f"from {account.first.isoformat()} to {account.last.isoformat()}"
        yield f"  {span}, {keys} meters or plants"
    for note, count in sorted(account.notes.items()):
        yield f"  {note}: {count:,}"
    for (code, field), count in account.ranked_counts():
        yield f"  {count:,} x {code}{f' ({field})' if field else ''}"
    for error in account.errors:
        yield f"  line {error.position}: {error.code}: {error.detail}"
    if account.refused_rows > len(account.errors):
        yield f"  and {account.refused_rows - len(account.errors):,} more"
    if file.refused_path is not None:
        yield f"  refused rows: {file.refused_path}, reasons: {reasons_path(file.refused_path)}"
    if file.problem is not None:
        yield f"  not complete: {file.problem}"


def _file_facts(file: FileResult) -> dict[str, Json]:
    account = file.account
    return {
        "file": str(file.input.path),
        "state": file.state,
        "problem": file.problem,
        "lines": account.lines,
        "accepted": account.stored_rows,
        "parse_errors": account.parse_errors,
        "rejected": account.rejected,
        "resumed_lines": file.resumed_lines,
        "refused": _refused_facts(account),
        "errors": [
            {
                "line": error.position,
                "code": error.code,
                "field": error.field,
                "detail": error.detail,
            }
            for error in account.errors
        ],
        "errors_truncated": account.refused_rows > len(account.errors),
        "refused_file": None if file.refused_path is None else str(file.refused_path),
        "notes": dict(account.notes),
        "first_ts": None if account.first is None else account.first.isoformat(),
        "last_ts": None if account.last is None else account.last.isoformat(),
        "key_count": account.key_count if account.first is not None else None,
    }


def _refused_facts(account: Account) -> list[Json]:
    return [
        {"code": code, "field": field or None, "count": count}
        for (code, field), count in account.ranked_counts()
    ]
