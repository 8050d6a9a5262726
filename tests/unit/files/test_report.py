"""The report of a load, as text and as JSON; notes in words."""

import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path, PurePath

import pytest

import utility_ts_analytics
from utility_ts_analytics.files.inputs import Input
from utility_ts_analytics.files.pieces import Extent, Refused
from utility_ts_analytics.files.report import note_text, report_facts, report_text
from utility_ts_analytics.files.result import Account, FileResult, LoadResult, ReplacedRows, State
from utility_ts_analytics.records.validation import RowCode


def result(
    name: str,
    *,
    state: State = "complete",
    stored: int = 10,
    refused: int = 0,
    problem: str | None = None,
    replaced: int = 0,
) -> FileResult:
    account = Account()
    account.stored_rows = stored
    account.lines = stored + refused
    account.refuse(
        Refused(rec, rec, "negative-value", "kwh", "no", f"-{rec}") for rec in range(1, refused + 1)
    )
    path = Path("out") / name if refused else None
    return FileResult(
        Input(Path(name), PurePath(name), 1),
        account,
        state,
        problem,
        refused_path=path,
        replaced=ReplacedRows(replaced, "record 3 replaces record 1") if replaced else None,
    )


def text(
    load: LoadResult,
    *skipped: str,
    dry_run: bool = False,
    resumable: bool = True,
    last_wins: bool = False,
) -> str:
    lines = report_text(load, skipped, dry_run=dry_run, resumable=resumable, last_wins=last_wins)
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
    assert lines[2] == '  line 1: negative-value: no: "-1"'
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
        "every row that is counted as stored is in the table; the same command goes on from there",
    ]
    assert text(load, resumable=False).endswith(
        "every row that is counted as stored is in the table; to load all of it again is safe"
    )


def test_load_of_which_nothing_was_stored_claims_no_stored_row() -> None:
    problem = "cannot read a.csv"
    failed = LoadResult([result("a.csv", state="failed", stored=0, problem=problem)])
    assert text(failed).splitlines() == [
        "a.csv: nothing of it was loaded: cannot read a.csv",
        "the same command loads what is left, once that is mended",
    ]
    assert text(failed, dry_run=True).splitlines() == [
        "a.csv: nothing of it was loaded: cannot read a.csv"
    ]
    assert not failed.ok
    two = LoadResult([*failed.files, result("b.csv")])
    assert text(two).splitlines()[1:] == [
        "b.csv: 10 of 10 rows stored, 0 parse errors, 0 rejected",
        "all 2 files: 10 of 10 rows stored",
        "every row that is counted as stored is in the table; the same command loads what is left,"
        " once that is mended",
    ]
    stopped = LoadResult([result("a.csv", state="incomplete", stored=0, problem="gone")], "gone")
    assert text(stopped).endswith("stopped: gone\nthe same command goes on from there")


def refused_as(record: Refused) -> str:
    file = result("a.csv")
    file.account.refuse([record])
    return text(LoadResult([file])).splitlines()[2].strip()


def test_refused_record_is_named_by_number_and_line_with_the_text_at_fault() -> None:
    code: RowCode = "invalid-timestamp"
    field = "ts"
    assert refused_as(Refused(1_234, 1_236, code, field, "no time", " 24:00 ")) == (
        'record 1,234 (line 1,236): invalid-timestamp: no time: " 24:00 "'
    )
    assert refused_as(Refused(3, 3, code, field, "no time", "")) == (
        'line 3: invalid-timestamp: no time: ""'
    )
    assert refused_as(Refused(3, None, code, field, "no time")) == (
        "record 3: invalid-timestamp: no time"
    )


def test_nothing_of_a_file_acts_on_the_terminal() -> None:
    """Control characters, direction marks and blanks that look like spaces are shown escaped."""
    cell = "\x1b[2J\r\n\u202e1\xa0000\x00"
    shown = refused_as(Refused(3, 3, "wrong-type", "kwh", "no\x1bnumber", cell))
    assert shown == ('line 3: wrong-type: no\\x1bnumber: "\\x1b[2J\\r\\n\\u202e1\\xa0000\\x00"')
    named = LoadResult([result("a\x1b[2J.csv", state="failed", problem="bad \x07 header")])
    assert text(named, "b\n.txt").isprintable() is False  # for its line ends
    assert all(line.isprintable() for line in text(named, "b\x1b.txt").splitlines())


def test_replaced_rows_are_counted_and_the_first_told() -> None:
    load = LoadResult([result("a.csv", replaced=1), result("b.csv", replaced=1_234)])
    lines = text(load).splitlines()
    told = "an earlier row of this load with other values; the first: record 3 replaces record 1"
    assert lines[1] == f"  1 row replaces {told}"
    assert lines[3] == f"  1,234 rows replace {told}"
    assert lines[-1].endswith("Where the last one is right, say --on-conflict last")
    assert "--on-conflict" not in text(load, last_wins=True)
    facts = report_facts(load, [], stream="meter_usage", dry_run=True, last_wins=False)
    assert not facts["ok"]
    assert report_facts(load, [], stream="meter_usage", dry_run=True, last_wins=True)["ok"]
    files = facts["files"]
    assert isinstance(files, list)
    assert facts["replaced"] == 1_235
    assert [
        (file["replaced"], file["first_replaced"]) for file in files if isinstance(file, dict)
    ] == [(1, "record 3 replaces record 1"), (1_234, "record 3 replaces record 1")]


def test_skipped_files_are_named_up_to_a_few() -> None:
    assert text(LoadResult([]), "x.txt") == "skipped, as no files of readings: x.txt"
    many = text(LoadResult([]), *(f"{number}.txt" for number in range(12)))
    assert many.endswith("9.txt and 2 more")


def test_dry_run_says_what_the_rows_span() -> None:
    file = result("a.csv")
    zone = timezone(timedelta(hours=2))
    file.account.span(
        Extent(
            datetime(2024, 1, 1, 2, tzinfo=zone), datetime(2024, 2, 1, tzinfo=UTC), frozenset("ab")
        )
    )
    file.account.notes = {"records-left-out": 4}
    assert text(LoadResult([file]), dry_run=True).splitlines() == [
        "a.csv: 10 of 10 rows would be stored, 0 parse errors, 0 rejected",
        "  from 2024-01-01T00:00:00+00:00 to 2024-02-01T00:00:00+00:00, 2 meters or plants",
        "  4 records left out by the mapping",
    ]
    facts = report_facts(
        LoadResult([file]), [], stream="meter_usage", dry_run=True, last_wins=False
    )
    assert isinstance(facts["files"], list)
    [one] = facts["files"]
    assert isinstance(one, dict)
    assert (one["first_ts"], one["last_ts"]) == (
        "2024-01-01T00:00:00+00:00",
        "2024-02-01T00:00:00+00:00",
    )


def test_facts_have_it_all() -> None:
    load = LoadResult([result("a.csv", refused=1)], "interrupted", ["notice"])
    facts = report_facts(load, ["x"], stream="meter_usage", dry_run=False, last_wins=False)
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
        "replaced": 0,
        "stopped": "interrupted",
        "notices": ["notice"],
        "skipped": ["x"],
    }
    assert isinstance(file, dict)
    assert file["refused"] == [{"code": "negative-value", "field": "kwh", "count": 1}]
    assert file["refused_file"] == "out/a.csv"
    assert file["errors"] == [
        {
            "record": 1,
            "line": 1,
            "code": "negative-value",
            "field": "kwh",
            "detail": "no",
            "text": "-1",
        }
    ]
    assert (file["replaced"], file["first_replaced"]) == (0, None)
    assert (file["first_ts"], file["key_count"], file["errors_truncated"]) == (None, None, False)


_NOTE = re.compile(r'notes(?:, |\[)"([a-z0-9-]+)"')


@pytest.mark.parametrize(
    ("name", "count", "text"),
    [
        ("records-left-out", 1, "1 record left out by the mapping"),
        ("records-left-out", 12_345, "12,345 records left out by the mapping"),
        ("nem12-active-channels", 0, "0 channels of active energy"),
        ("nem12-no-end-record", 1, "no 900 record at the end: the file may be cut"),
        ("of-another-version", 1_234, "of-another-version: 1,234"),
    ],
)
def test_note_is_told_in_words_and_its_number(name: str, count: int, text: str) -> None:
    assert note_text(name, count) == text


def test_every_note_that_a_reader_makes_has_its_words() -> None:
    package = Path(utility_ts_analytics.__file__).parent
    sources = [path.read_text("utf-8") for path in (package / "files").rglob("*.py")]
    names = {name for source in sources for name in _NOTE.findall(source)}
    assert len(names) > 15
    assert [name for name in names if note_text(name, 1).startswith(name)] == []
