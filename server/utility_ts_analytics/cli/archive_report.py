"""What `ingestion-service archive` prints of an update, a check, a restoration or a drop."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import TYPE_CHECKING, TypeVar

from utility_ts_analytics.cli.terminal import print_json, print_some
from utility_ts_analytics.errors import EXIT_FAILED, EXIT_OK
from utility_ts_analytics.service.monitoring.stores_watch import named

if TYPE_CHECKING:
    from utility_ts_analytics.archive.drop import DropReport
    from utility_ts_analytics.archive.restore import RestoreReport
    from utility_ts_analytics.archive.update import TableReport
    from utility_ts_analytics.archive.verify import VerifyReport

_ReportT = TypeVar("_ReportT", "DropReport", "RestoreReport", "VerifyReport")


def print_update(by_shard: "Mapping[str, Sequence[TableReport]]", *, as_json: bool) -> int:
    """Print what the run did; return the exit code.

    Args:
        by_shard: By the name of the shard, which tables are named with; "" without shards.
        as_json: As facts for programs.
    """
    reports = [
        replace(report, table=f"{shard}/{report.table}") if shard else report
        for shard, found in by_shard.items()
        for report in found
    ]
    if as_json:
        print_json({"tables": [_update_facts(report) for report in reports]})
    else:
        for report in reports:
            _print_update(report)
    return _exit_code([problem for report in reports for problem in report.problems])


def _print_update(report: "TableReport") -> None:
    if not report.files:
        print(f"{report.table}: no rows")
        return
    text = (
        f"{report.table}: {report.files:,} files, {report.written:,} written"
        f" ({report.rows:,} rows, {report.size_bytes:,} bytes),"
        f" {report.compared:,} compared and equal, {report.known:,} not changed"
    )
    if report.not_final:
        text += f"; not final: {report.not_final[0]}"
        if len(report.not_final) > 1:
            text += f" to {max(report.not_final)}, {len(report.not_final):,} days"
    print(text)
    print_some(
        [
            f"{path}: kept {count:,} rows that QuestDB does not have any more; if they are wrong,"
            " move the file away and run it again"
            for path, count in report.kept.items()
        ],
        to=sys.stderr,
    )


def _update_facts(report: "TableReport") -> dict[str, object]:
    return {
        "table": report.table,
        "files": report.files,
        "written": report.written,
        "compared": report.compared,
        "known": report.known,
        "rows": report.rows,
        "bytes": report.size_bytes,
        "kept": report.kept,
        "not_final": [day.isoformat() for day in sorted(report.not_final)],
        "problems": report.problems,
    }


def print_verify(by_shard: "Mapping[str, VerifyReport]", *, as_json: bool) -> int:
    """Print what the run did; return the exit code."""
    report = _total(by_shard)
    text = (
        f"{report.files:,} files with {report.rows:,} rows read: {report.equal:,} as in"
        f" QuestDB, {report.archive_only:,} dropped there, {len(report.unsettled):,} days not"
        f" final and different, {len(report.differences):,} differences"
    )
    _print_facts(report, text, as_json=as_json)
    if not as_json:
        print_some(report.unsettled, to=sys.stderr)
    return _exit_code(report.differences)


def print_restore(by_shard: "Mapping[str, RestoreReport]", *, as_json: bool) -> int:
    """Print what the run did; return the exit code."""
    report = _total(by_shard)
    text = (
        f"{report.files:,} files are in QuestDB as archived; {report.written:,} of them sent"
        f" now ({report.rows:,} rows)"
    )
    _print_facts(report, text, as_json=as_json)
    return _exit_code(report.problems)


def print_drop(by_shard: "Mapping[str, DropReport]", *, as_json: bool) -> int:
    """Print what the run did; return the exit code."""
    report = _total(by_shard)
    text = (
        f"{len(report.dropped):,} partitions dropped ({report.days:,} days, {report.rows:,}"
        f" rows), {len(report.refused):,} refused"
    )
    _print_facts(report, text, as_json=as_json)
    return _exit_code(report.refused + report.in_doubt)


def _total(by_shard: Mapping[str, _ReportT]) -> _ReportT:
    """Add the reports of all shards up: counts, and lines with the name of their shard."""
    if "" in by_shard:
        return by_shard[""]
    total = replace(next(iter(by_shard.values())))
    for one in fields(total):
        found = {shard: getattr(report, one.name) for shard, report in by_shard.items()}
        if all(isinstance(value, int) for value in found.values()):
            setattr(total, one.name, sum(found.values()))
        else:
            lines = [named(shard, line) for shard, value in found.items() for line in value]
            setattr(total, one.name, lines)
    return total


def _print_facts(
    report: "VerifyReport | RestoreReport | DropReport", text: str, *, as_json: bool
) -> None:
    if as_json:
        print_json(asdict(report))
    else:
        print(text)


def _exit_code(faults: Sequence[str]) -> int:
    """Print what is wrong; return the exit code."""
    print_some(faults, to=sys.stderr)
    return EXIT_FAILED if faults else EXIT_OK
