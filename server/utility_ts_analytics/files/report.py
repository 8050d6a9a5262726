"""The report at the end of a load or a dry run, as text and as JSON. Pure."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from utility_ts_analytics.files.books.refused_files import reasons_path
from utility_ts_analytics.files.pieces import Refused
from utility_ts_analytics.files.result import Account, FileResult, LoadResult

_SKIPPED_LISTED_MAX: Final = 10


def _counted(one: str, several: str, rest: str) -> tuple[str, str]:
    """Return the texts for a count of one, and for any other."""
    return f"{{}} {one} {rest}", f"{{}} {several} {rest}"


_END = "no {} at the end: the file may be cut"
_WORDS: Final = {
    "records-left-out": _counted("record", "records", "left out by the mapping"),
    "records-with-surplus-cells": _counted("record", "records", "with cells beyond the header's"),
    "workbook-blank-rows": _counted("blank row", "blank rows", "left out"),
    "espi-readings-without-a-value": _counted("reading", "readings", "without a value"),
    "espi-readings-without-reading-type": _counted("reading", "readings", "without a ReadingType"),
    "edifact-messages-of-other-types": _counted("message", "messages", "of other types left out"),
    "mscons-quantities-without-a-value": _counted("quantity", "quantities", "without a value"),
    "mscons-no-end-segment": (_END.format("UNZ segment"),) * 2,
    "nem12-no-header-record": ("no 100 record at the beginning",) * 2,
    "nem12-no-end-record": (_END.format("900 record"),) * 2,
    "nem12-active-channels": _counted("channel", "channels", "of active energy"),
    "nem12-reactive-channels": _counted("channel", "channels", "of reactive energy"),
    "nem12-reactive-values-paired": _counted(
        "reactive value", "reactive values", "stored beside the active ones"
    ),
    "nem12-reactive-values-without-active-channel": _counted(
        "reactive value", "reactive values", "left out: there is no active channel for them"
    ),
    "nem12-values-of-other-units-left-out": _counted(
        "value", "values", "left out: neither kWh nor kvarh"
    ),
    "nem12-values-empty": _counted("empty value", "empty values", "left out"),
    "nem12-null-values": _counted("value", "values", "of quality N (null)"),
    "nem12-values-of-quality-v-without-400-record": _counted(
        "value", "values", "of quality V without a 400 record that says more"
    ),
    "nem12-reason-codes-not-kept": _counted("value", "values", "whose reason code is not kept"),
    "nem12-service-orders": _counted("500 record", "500 records", "(service orders) left out"),
}


def report_text(
    result: LoadResult,
    skipped: Sequence[str],
    *,
    dry_run: bool,
    resumable: bool,
    last_wins: bool,
) -> Iterator[str]:
    """Yield the lines of the text.

    Args:
        result: Result of the load.
        skipped: Files of folders that are of no known kind.
        dry_run: Whether nothing was stored.
        resumable: Whether the same command resumes this load.
        last_wins: Whether rows may replace earlier ones of the load.
    """
    lines = _lines(result, skipped, dry_run=dry_run, resumable=resumable, last_wins=last_wins)
    yield from map(printable, lines)


def printable(text: str) -> str:
    """Return a text with control characters, which a terminal would act on, escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _lines(
    result: LoadResult,
    skipped: Sequence[str],
    *,
    dry_run: bool,
    resumable: bool,
    last_wins: bool,
) -> Iterator[str]:
    for file in result.files:
        yield from _file_lines(file, dry_run=dry_run)
    if len(result.files) > 1:
        stored = sum(file.account.stored_rows for file in result.files)
        lines = sum(file.account.lines for file in result.files)
        yield f"all {len(result.files):,} files: {_counts(stored, lines, dry_run=dry_run)}"
    if skipped:
        named = ", ".join(skipped[:_SKIPPED_LISTED_MAX])
        more = len(skipped) - _SKIPPED_LISTED_MAX
        rest = f" and {more:,} more" if more > 0 else ""
        yield f"skipped, as no files of readings: {named}{rest}"
    if result.stopped is not None:
        yield f"stopped: {result.stopped}"
    if not result.complete and not dry_run:
        yield _what_next(result, resumable=resumable)
    if not last_wins and not result.may_replace(last_wins=False):
        yield (
            "rows replace earlier ones of this load: two meters under one id, or a repeated hour?"
            " Where the last one is right, say --on-conflict last"
        )


def report_facts(
    result: LoadResult, skipped: Sequence[str], *, stream: str, dry_run: bool, last_wins: bool
) -> dict[str, object]:
    """Return the report as values that JSON has; `ok` is whether the exit code is 0."""
    accounts = [file.account for file in result.files]
    return {
        "stream": stream,
        "dry_run": dry_run,
        "ok": result.ok and result.may_replace(last_wins=last_wins),
        "accepted": sum(account.stored_rows for account in accounts),
        "parse_errors": sum(account.parse_errors for account in accounts),
        "rejected": sum(account.rejected for account in accounts),
        "replaced": sum(file.replaced.count for file in result.files if file.replaced is not None),
        "stopped": result.stopped,
        "notices": list(result.notices),
        "skipped": list(skipped),
        "files": [_file_facts(file) for file in result.files],
    }


def _what_next(result: LoadResult, *, resumable: bool) -> str:
    """Return what to do about a load that is not complete."""
    stored = any(file.account.stored_rows for file in result.files)
    counted = "every row that is counted as stored is in the table; " * stored
    if not resumable:
        return f"{counted}to load all of it again is safe"
    if result.stopped is None:
        return f"{counted}the same command loads what is left, once that is mended"
    return f"{counted}the same command goes on from there"


def _counts(stored: int, lines: int, *, dry_run: bool) -> str:
    return f"{stored:,} of {lines:,} rows {'would be stored' if dry_run else 'stored'}"


def _file_lines(file: FileResult, *, dry_run: bool) -> Iterator[str]:
    account = file.account
    if file.state == "failed" and account.lines == 0:
        yield f"{file.input.name}: nothing of it was loaded: {file.problem}"
        return
    counts = _counts(account.stored_rows, account.lines, dry_run=dry_run)
    before = " by the run before" if file.state == "complete-before" else ""
    yield (
        f"{file.input.name}: {counts}{before},"
        f" {_many(account.parse_errors, 'parse error')}, {account.rejected:,} rejected"
    )
    yield from _span(account)
    for note, count in sorted(account.notes.items()):
        yield f"  {note_text(note, count)}"
    for (code, field), count in account.ranked_counts():
        yield f"  {count:,} x {code}{f' ({field})' if field else ''}"
    for record in account.errors:
        yield f"  {_where(record)}: {record.code}: {record.detail}{_quoted(record)}"
    if account.refused_rows > len(account.errors):
        yield f"  and {account.refused_rows - len(account.errors):,} more"
    if file.replaced is not None:
        rows = (
            "1 row replaces"
            if file.replaced.count == 1
            else f"{file.replaced.count:,} rows replace"
        )
        yield (
            f"  {rows} an earlier row of this load with other values; the first:"
            f" {file.replaced.first}"
        )
        if not file.replaced.order_known:
            yield (
                "  which of them is stored is not known: the mapping sorts, joins or groups, and"
                " gives no rec, or several rows of one record"
            )
    if file.refused_path is not None:
        yield f"  refused rows: {file.refused_path}, reasons: {reasons_path(file.refused_path)}"
    if file.problem is not None:
        yield f"  not complete: {file.problem}"


def _file_facts(file: FileResult) -> dict[str, object]:
    account = file.account
    return {
        "file": file.input.name,
        "state": file.state,
        "problem": file.problem,
        "lines": account.lines,
        "accepted": account.stored_rows,
        "parse_errors": account.parse_errors,
        "rejected": account.rejected,
        "resumed_lines": file.resumed_lines,
        "refused": _refused_facts(account),
        "errors": [record.facts() for record in account.errors],
        "errors_truncated": account.refused_rows > len(account.errors),
        "refused_file": None if file.refused_path is None else str(file.refused_path),
        "replaced": 0 if file.replaced is None else file.replaced.count,
        "first_replaced": None if file.replaced is None else file.replaced.first,
        "notes": dict(account.notes),
        "first_ts": None if account.first is None else _utc(account.first),
        "last_ts": None if account.last is None else _utc(account.last),
        "key_count": account.key_count if account.first is not None else None,
    }


def _span(account: Account) -> Iterator[str]:
    if account.first is None or account.last is None:
        return
    keys = "over a million meters or plants"
    if account.key_count is not None:
        keys = _many(account.key_count, "meter") + " or plant" + "s" * (account.key_count != 1)
    yield f"  from {_utc(account.first)} to {_utc(account.last)}, {keys}"


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def _utc(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat()


def _where(record: Refused) -> str:
    if record.line is None:
        return f"record {record.rec:,}"
    if record.line == record.rec:
        return f"line {record.line:,}"
    return f"record {record.rec:,} (line {record.line:,})"


def _quoted(record: Refused) -> str:
    return "" if record.cell is None else f': "{record.cell}"'


def _refused_facts(account: Account) -> list[dict[str, object]]:
    return [
        {"code": code, "field": field or None, "count": count}
        for (code, field), count in account.ranked_counts()
    ]


def note_text(name: str, count: int) -> str:
    """Return a note of a source in words: `1 record left out by the mapping`.

    Args:
        name: Name of the note, as in the JSON report. The journal may have one of another version:
            a name that is not known is returned with its count.
        count: How often, >= 0.
    """
    words = _WORDS.get(name)
    if words is None:
        return f"{name}: {count:,}"
    return words[count != 1].format(f"{count:,}")
