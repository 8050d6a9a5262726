"""What a load says at its end."""

from datetime import UTC, datetime
from pathlib import Path, PurePath

from utility_ts_analytics.ingest.account import Account
from utility_ts_analytics.ingest.inputs import Input
from utility_ts_analytics.ingest.pieces import Extent
from utility_ts_analytics.records.validation import RowError
from utility_ts_analytics.service.load_report import report_facts, report_text
from utility_ts_analytics.service.load_result import FileResult, LoadResult, State


def result(
    name: str,
    *,
    state: State = "complete",
    stored: int = 10,
    refused: int = 0,
    problem: str | None = None,
) -> FileResult:
    account = Account()
    account.stored_rows = stored
    account.lines = stored + refused
    account.refuse(RowError(number, "negative-value", "kwh", "no") for number in range(refused))
    path = Path("out") / name if refused else None
    return FileResult(
        Input(Path(name), PurePath(name), 1), account, state, problem, refused_path=path
    )


def text(load: LoadResult, *skipped: str, dry_run: bool = False, resumable: bool = True) -> str:
    lines = report_text(load, [Path(n) for n in skipped], dry_run=dry_run, resumable=resumable)
    return "\n".join(lines)


def test_clean_load_is_one_line_a_file_and_a_sum() -> None:
    assert text(LoadResult([result("a.csv", stored=1_234)])) == (
        "a.csv: 1,234 of 1,234 rows stored, 0 parse errors, 0 rejected"
    )
    both = LoadResult([result("a.csv"), result("b.csv", state="complete-before")])
    assert text(both).splitlines()[1:] == [
        "b.csv: 10 of 10 rows stored by the run before, 0 parse errors, 0 rejected",
        "all 2 files: 20 of 20 rows stored",
    ]
    assert both.ok


def test_refused_rows_are_counted_listed_and_found() -> None:
    load = LoadResult([result("a.csv", refused=22)])
    lines = text(load).splitlines()
    assert lines[0] == "a.csv: 10 of 32 rows stored, 0 parse errors, 22 rejected"
    assert lines[1] == "  22 x negative-value (kwh)"
    assert lines[2] == "  line 0: negative-value: no"
    assert lines[-2:] == [
        "  and 2 more",
        "  refused rows: out/a.csv, reasons: out/a.csv.reasons",
    ]
    assert (load.complete, load.ok) == (True, False)


def test_stopped_load_says_why_and_how_to_go_on() -> None:
    load = LoadResult([result("a.csv", state="incomplete", problem="gone")], "gone")
    assert text(load).splitlines()[1:] == [
        "  not complete: gone",
        "stopped: gone",
        "every row counted above is stored; the same command goes on from there",
    ]
    assert "loading all of it again is safe" in text(load, resumable=False)
    failed = LoadResult([result("a.csv", state="failed", stored=0, problem="cannot read a.csv")])
    assert text(failed).startswith("a.csv: nothing of it was loaded: cannot read a.csv")
    assert not failed.ok


def test_skipped_files_are_named_up_to_a_few() -> None:
    assert text(LoadResult([]), "x.txt") == "skipped, as their kind is not known: x.txt"
    many = text(LoadResult([]), *(f"{number}.txt" for number in range(12)))
    assert many.endswith("9.txt and 2 more")


def test_dry_run_says_what_the_rows_span() -> None:
    file = result("a.csv")
    file.account.span(
        Extent(datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 2, 1, tzinfo=UTC), frozenset("ab"))
    )
    file.account.notes = {"repeated-hour-first": 4}
    assert text(LoadResult([file]), dry_run=True).splitlines() == [
        "a.csv: 10 of 10 rows would be stored, 0 parse errors, 0 rejected",
        "  from 2024-01-01T00:00:00+00:00 to 2024-02-01T00:00:00+00:00, 2 meters or plants",
        "  repeated-hour-first: 4",
    ]


def test_facts_have_it_all() -> None:
    load = LoadResult([result("a.csv", refused=1)], "interrupted", ["notice"])
    facts = report_facts(load, [Path("x")], stream="meter_usage", dry_run=False)
    files = facts.pop("files")
    assert isinstance(files, list)
    [file] = files
    assert facts == {
        "stream": "meter_usage",
        "dry_run": False,
        "ok": False,
        "accepted": 10,
        "parse_errors": 0,
        "rejected": 1,
        "stopped": "interrupted",
        "notices": ["notice"],
        "skipped": ["x"],
    }
    assert isinstance(file, dict)
    assert file["refused"] == [{"code": "negative-value", "field": "kwh", "count": 1}]
    assert file["refused_file"] == "out/a.csv"
    assert (file["first_ts"], file["key_count"], file["errors_truncated"]) == (None, None, False)
