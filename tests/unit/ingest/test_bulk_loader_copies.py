"""What a real QuestDB does with COPY statements."""

import threading
import time
import urllib.error
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Protocol

import pytest

from utility_ts_analytics.database.table_compare import create_sql
from utility_ts_analytics.database.table_spec import table_specs
from utility_ts_analytics.ingest.bulk_loader import CopyJob, build_copy_sql

pytestmark = pytest.mark.questdb

DEADLINE_S = 30.0
TABLE = "network_measurements"
HEADER = "ts,node_id,quantity,value"


class Database(Protocol):
    """What these tests ask of the `questdb` fixture."""

    def query(self, sql: str) -> Sequence[Sequence[object]]: ...

    def truncate(self, *tables: str) -> None: ...

    def wait_applied(self, table: str) -> None: ...


@pytest.fixture
def folder(questdb: Database) -> Path:
    """Where the server looks for files; the table is new.

    A table that was only emptied keeps the symbols of its rows, and COPY then takes one of those
    for another (QuestDB 9.3.4: `p` came out as `active_power`).
    """
    questdb.query(f"DROP TABLE IF EXISTS {TABLE}")
    questdb.query(create_sql(table_specs()[TABLE]))
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


def separator(job: CopyJob) -> str:
    return ";" if "delimiter ';'" in build_copy_sql(job) else job.delimiter or ","


MIDNIGHT = ("2026-02-01T00:00:00.000000Z", "n-1", "p", 1.5)


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
        (
            CopyJob(TABLE, "x.csv", True, "DELIMITER ';' FORMAT 'yyyy-MM-dd' ON ERROR ABORT"),
            [HEADER, "2026-02-01,n-1,p,1.5"],
        ),
        (
            CopyJob(TABLE, "/y.csv", extra_options={"PARTITION BY": "day", "TIMESTAMP": "ts"}),
            [HEADER, "2026-02-01T00:00:00.000000Z,n-1,p,1.5"],
        ),
        (CopyJob(TABLE, "bare.csv", header=False), ["2026-02-01T00:00:00.000000Z,n-1,,p,1.5"]),
    ],
    ids=lambda value: str(value.path) if isinstance(value, CopyJob) else "",
)
def test_file_is_copied_as_the_job_says(
    questdb: Database, folder: Path, job: CopyJob, lines: list[str]
) -> None:
    target = folder / str(job.csv_path).lstrip("/")
    target.parent.mkdir(exist_ok=True)
    target.write_text("\n".join([*lines, ""]).replace(",", separator(job)))

    assert copied(questdb, job) == ("finished", None, 1, 1, 0)
    assert stored(questdb) == [MIDNIGHT]


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


def test_copy_into_a_table_with_rows_fails(questdb: Database, folder: Path) -> None:
    (folder / "again.csv").write_text(f"{HEADER}\n2026-02-01T00:00:00.000000Z,n-1,p,1.5\n")
    job = CopyJob(TABLE, "again.csv")

    assert copied(questdb, job)[0] == "finished"
    status, message, *_ = copied(questdb, job)

    assert status == "failed"
    assert "target table must be empty" in str(message)
    assert stored(questdb) == [MIDNIGHT]


def test_time_of_unknown_form_fails_without_a_format(questdb: Database, folder: Path) -> None:
    (folder / "form.csv").write_text(f"{HEADER}\n2026-02-01T00:00:00Z,n-1,p,1.5\n")

    status, message, *_ = copied(questdb, CopyJob(TABLE, "form.csv"))

    assert status == "failed"
    assert "not a timestamp" in str(message)


def test_copy_of_a_missing_file_fails(questdb: Database, folder: Path) -> None:
    status, message, *_ = copied(questdb, CopyJob(TABLE, "no such.csv"))

    assert status == "failed"
    assert "file does not exist" in str(message)
    assert not (folder / "no such.csv").exists()
