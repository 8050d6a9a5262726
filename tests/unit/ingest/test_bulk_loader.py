"""COPY statements: their text, and what a real QuestDB does with them."""

import re
import threading
import time
import urllib.error
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Literal, Protocol

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from utility_ts_analytics.ingest.bulk_loader import CopyJob, build_copy_sql, map_jobs

DEADLINE_S = 30.0
TABLE = "network_measurements"
HEADER = "ts,node_id,quantity,value"


class Database(Protocol):
    """What these tests ask of the `questdb` fixture."""

    def query(self, sql: str) -> Sequence[Sequence[object]]: ...

    def truncate(self, *tables: str) -> None: ...

    def wait_applied(self, table: str) -> None: ...


def test_plain_job_names_table_file_header_and_timestamp() -> None:
    sql = build_copy_sql(CopyJob("meter_usage", "2026/week 1.csv"))

    assert sql == "COPY meter_usage FROM '2026/week 1.csv' WITH header true timestamp ts;"


def test_every_option_stands_in_the_statement() -> None:
    job = CopyJob(
        table="meters",
        path=PurePosixPath("in", "meters.csv"),
        timestamp="valid_from",
        timestamp_format="dd/MM/yyyy HH:mm Z",
        header=False,
        delimiter=";",
        partition_by="YEAR",
        on_error="abort",
    )

    assert build_copy_sql(job) == (
        "COPY meters FROM 'in/meters.csv' WITH header false timestamp valid_from"
        " format 'dd/MM/yyyy HH:mm Z' delimiter ';' partition by YEAR on error abort;"
    )


def test_jobs_become_statements_in_their_order() -> None:
    jobs = [CopyJob("b", "2.csv"), CopyJob("a", "1.csv")]

    assert map_jobs(iter(jobs)) == (build_copy_sql(jobs[0]), build_copy_sql(jobs[1]))
    assert map_jobs([]) == ()


def test_one_bad_job_gives_no_statement_at_all() -> None:
    with pytest.raises(ValueError, match="as a name"):
        map_jobs([CopyJob("good", "1.csv"), CopyJob("not good", "2.csv")])


@given(st.text())
def test_no_path_changes_the_statement(path: str) -> None:
    assume("'" not in path and ".." not in path and path.isprintable() and path)

    sql = build_copy_sql(CopyJob("meter_usage", path))

    match = re.fullmatch(r"COPY meter_usage FROM '([^']*)' WITH header true timestamp ts;", sql)
    assert match is not None
    assert match[1] == path


@pytest.mark.parametrize("name", ["", "a b", "a;b", 'a"', "a'", "x; DROP TABLE y", "1a", "ts\n"])
def test_name_of_another_form_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="as a name"):
        build_copy_sql(CopyJob(name, "a.csv"))
    with pytest.raises(ValueError, match="as a name"):
        build_copy_sql(CopyJob("meter_usage", "a.csv", timestamp=name))


@pytest.mark.parametrize("path", ["it's.csv", "a'; DROP TABLE meter_usage; --", "a\x00", "a\n.csv"])
def test_path_that_copy_cannot_express_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="cannot copy with path"):
        build_copy_sql(CopyJob("meter_usage", path))


@pytest.mark.parametrize("path", ["", "../a.csv", "a/../../b.csv"])
def test_empty_path_and_way_out_of_the_folder_are_refused(path: str) -> None:
    with pytest.raises(ValueError, match="cannot copy from"):
        build_copy_sql(CopyJob("meter_usage", path))


@pytest.mark.parametrize("pattern", ["yyyy-MM-dd'T'HH:mm", "y' on error skip_row --", "\x00"])
def test_format_that_copy_cannot_express_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="cannot copy with timestamp_format"):
        build_copy_sql(CopyJob("meter_usage", "a.csv", timestamp_format=pattern))


@pytest.mark.parametrize("delimiter", ["", "'", '"', ";;", "a", "\n", "ä", "\x00"])
def test_delimiter_out_of_the_list_is_refused(delimiter: str) -> None:
    with pytest.raises(ValueError, match="cannot copy with delimiter"):
        build_copy_sql(CopyJob("meter_usage", "a.csv", delimiter=delimiter))


@pytest.mark.parametrize("unit", ["NONE", "day", "DAY; DROP TABLE x", ""])
def test_partition_unit_out_of_the_list_is_refused(unit: str) -> None:
    job = CopyJob("meter_usage", "a.csv", partition_by=unit)  # type: ignore[arg-type]  # the case

    with pytest.raises(ValueError, match="use one of HOUR, DAY, WEEK, MONTH, YEAR"):
        build_copy_sql(job)


@pytest.mark.parametrize("choice", ["ABORT", "abort; DROP TABLE x", ""])
def test_error_choice_out_of_the_list_is_refused(choice: str) -> None:
    job = CopyJob("meter_usage", "a.csv", on_error=choice)  # type: ignore[arg-type]  # the case

    with pytest.raises(ValueError, match="use one of abort, skip_row, skip_column"):
        build_copy_sql(job)


@pytest.fixture
def folder(questdb: Database) -> Path:
    """Where the server looks for files; the table is empty."""
    questdb.truncate(TABLE)
    rows = questdb.query(
        "SELECT value FROM (SHOW PARAMETERS) WHERE property_path = 'cairo.sql.copy.work.root'"
    )
    path = Path(str(rows[0][0])).parent / "import"  # the server's own default, beside its work root
    path.mkdir(exist_ok=True)
    return path


def copied(questdb: Database, job: CopyJob) -> tuple[object, ...]:
    """Run the job to its end: status, message, rows handled, rows imported, errors."""
    give_up_at_s = time.monotonic() + DEADLINE_S
    copy_id = None
    while time.monotonic() < give_up_at_s:
        if copy_id is None:
            copy_id = started(questdb, job)
        else:
            rows = questdb.query(
                "SELECT status, message, rows_handled, rows_imported, errors"
                f" FROM sys.text_import_log WHERE id = '{copy_id}' AND phase IS NULL"
                " AND status <> 'started'"
            )
            if rows:
                return tuple(rows[0])
        threading.Event().wait(0.02)
    msg = f"{job} did not end in time"
    raise AssertionError(msg)


def started(questdb: Database, job: CopyJob) -> object | None:
    """The id of the import; None while the import before it has ended but not let go yet."""
    try:
        return questdb.query(build_copy_sql(job))[0][0]
    except urllib.error.HTTPError as refusal:
        answer = " ".join(refusal.__notes__)
        assert "another import may be in progress" in answer, answer
        return None


def stored(questdb: Database) -> list[tuple[object, ...]]:
    questdb.wait_applied(TABLE)
    rows = questdb.query(f"SELECT ts, node_id, quantity, value FROM {TABLE}")
    return [tuple(row) for row in rows]


MIDNIGHT = ("2026-02-01T00:00:00.000000Z", "n-1", "p", 1.5)


@pytest.mark.questdb
@pytest.mark.parametrize(
    ("job", "lines"),
    [
        (CopyJob(TABLE, "plain.csv"), [HEADER, "2026-02-01T00:00:00.000000Z,n-1,p,1.5"]),
        (CopyJob(TABLE, "a;b -- ä.csv"), [HEADER, "2026-02-01T00:00:00.000000Z,n-1,p,1.5"]),
        (
            CopyJob(TABLE, "sub/s.csv", delimiter=";"),
            [HEADER, "2026-02-01T00:00:00.000000Z,n-1,p,1.5"],
        ),
        (
            CopyJob(TABLE, "tab.csv", delimiter="\t"),
            [HEADER, "2026-02-01T00:00:00.000000Z,n-1,p,1.5"],
        ),
        (
            CopyJob(TABLE, "f.csv", timestamp_format="dd/MM/yyyy HH:mm Z", on_error="abort"),
            [HEADER, "01/02/2026 01:00 +01:00,n-1,p,1.5"],
        ),
        (
            CopyJob(TABLE, "z.csv", timestamp_format="yyyy-MM-ddTHH:mm:ssZ"),
            [HEADER, "2026-02-01T00:00:00Z,n-1,p,1.5"],
        ),
        (CopyJob(TABLE, "order.csv"), ["value,quantity,ts,node_id", "1.5,p,2026-02-01,n-1"]),
        (
            CopyJob(TABLE, "units.csv", partition_by="DAY", timestamp_format="yyyy-MM-dd"),
            [HEADER, "2026-02-01,n-1,p,1.5"],
        ),
        (CopyJob(TABLE, "bare.csv", header=False), ["2026-02-01T00:00:00.000000Z,n-1,,p,1.5"]),
    ],
    ids=lambda value: str(value.path) if isinstance(value, CopyJob) else "",
)
def test_file_is_copied_as_the_job_says(
    questdb: Database, folder: Path, job: CopyJob, lines: list[str]
) -> None:
    target = folder / job.path
    target.parent.mkdir(exist_ok=True)
    target.write_text("\n".join([*lines, ""]).replace(",", job.delimiter or ","))

    assert copied(questdb, job) == ("finished", None, 1, 1, 0)
    assert stored(questdb) == [MIDNIGHT]


@pytest.mark.questdb
@pytest.mark.parametrize(
    ("on_error", "values"),
    [(None, [2.5]), ("skip_row", [2.5]), ("skip_column", [None, 2.5]), ("abort", [])],
)
def test_value_that_does_not_parse_ends_as_the_job_says(
    questdb: Database,
    folder: Path,
    on_error: Literal["abort", "skip_row", "skip_column"] | None,
    values: list[float | None],
) -> None:
    (folder / "bad.csv").write_text(
        f"{HEADER}\n2026-02-01T00:00:00.000000Z,n-1,p,x\n2026-02-02T00:00:00.000000Z,n-1,p,2.5\n"
    )

    status = copied(questdb, CopyJob(TABLE, "bad.csv", on_error=on_error))[0]

    assert status == ("failed" if on_error == "abort" else "finished")
    assert [row[3] for row in stored(questdb)] == values


@pytest.mark.questdb
def test_copy_goes_around_dedup(questdb: Database, folder: Path) -> None:
    """Equal keys in the file all stay, and a later insert replaces each of them."""
    day = "2026-02-01T00:00:00.000000Z"
    (folder / "twice.csv").write_text(f"{HEADER}\n{day},n-1,p,1.5\n{day},n-1,p,1.5\n")

    assert copied(questdb, CopyJob(TABLE, "twice.csv"))[0] == "finished"
    assert stored(questdb) == [MIDNIGHT, MIDNIGHT]

    questdb.query(
        f"INSERT INTO {TABLE} (ts, node_id, quantity, value) VALUES ('{day}','n-1','p',9)"
    )
    assert stored(questdb) == [(day, "n-1", "p", 9.0)] * 2
    questdb.truncate(TABLE)


@pytest.mark.questdb
def test_copy_into_a_table_with_rows_fails(questdb: Database, folder: Path) -> None:
    (folder / "again.csv").write_text(f"{HEADER}\n2026-02-01T00:00:00.000000Z,n-1,p,1.5\n")
    job = CopyJob(TABLE, "again.csv")

    assert copied(questdb, job)[0] == "finished"
    status, message, *_ = copied(questdb, job)

    assert status == "failed"
    assert "target table must be empty" in str(message)
    assert stored(questdb) == [MIDNIGHT]


@pytest.mark.questdb
def test_time_of_unknown_form_fails_without_a_format(questdb: Database, folder: Path) -> None:
    (folder / "form.csv").write_text(f"{HEADER}\n2026-02-01T00:00:00Z,n-1,p,1.5\n")

    status, message, *_ = copied(questdb, CopyJob(TABLE, "form.csv"))

    assert status == "failed"
    assert "not a timestamp" in str(message)


@pytest.mark.questdb
def test_copy_of_a_missing_file_fails(questdb: Database, folder: Path) -> None:
    status, message, *_ = copied(questdb, CopyJob(TABLE, "no such.csv"))

    assert status == "failed"
    assert "file does not exist" in str(message)
    assert not (folder / "no such.csv").exists()
