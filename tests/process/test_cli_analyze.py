"""`analyze` as people run it: the list, answers in each form, questions of their own, refusals."""

import csv
import io
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.conftest import TestQuestDB
from tests.process.running_service import PROJECT, ServicePorts, run_command, write_config

pytestmark = [pytest.mark.process, pytest.mark.questdb]

WEEK = ("--from", "2024-06-03", "--to", "2024-06-10")
TARIFF = ("--tariff", str(PROJECT / "tariffs" / "seasonal-three-period.toml"))
Analyze = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def analyze(sample_questdb: TestQuestDB, tmp_path: Path) -> Analyze:
    config = write_config(tmp_path / "config.toml", sample_questdb, ServicePorts(1, 2, 3), {})

    def run(*words: str) -> "subprocess.CompletedProcess[str]":
        return run_command("analyze", *words, "--config", str(config), cwd=tmp_path)

    return run


def test_questions_are_listed_and_shown_without_a_database(tmp_path: Path) -> None:
    listed = run_command("analyze", cwd=tmp_path)
    assert listed.returncode == 0, listed.stderr
    lines = listed.stdout.splitlines()
    assert all(re.fullmatch(r"[a-z_]+ +[A-Z].+\?", line) for line in lines)
    names = [line.split()[0] for line in lines]
    assert {"load", "completeness", "feeder_balance", "late_arrivals"} <= set(names)
    assert "sent_slots" not in names, "a part of other questions"
    shown = run_command("analyze", "completeness", "--show", cwd=tmp_path)
    assert shown.stdout.startswith("-- How many of the readings that should be there are there")
    assert "$interval_minutes" in shown.stdout


def test_answer_is_a_table_and_where_it_came_from_stands_apart(analyze: Analyze) -> None:
    done = analyze("coincident_peaks", *WEEK)
    assert done.returncode == 0, done.stderr
    assert "318.492" in done.stdout
    assert "system" in done.stdout
    assert done.stderr.splitlines() == [
        "meter_usage: 0 days from the archive, 7 from QuestDB",
        "1 rows",
    ]


def test_same_answer_in_every_form(analyze: Analyze, tmp_path: Path) -> None:
    words = ("load", *WEEK, "--group", "segment", "--every", "1d", "--zone", "Europe/Berlin")
    listed = json.loads(analyze(*words, "--format", "json").stdout)
    assert len(listed) == 14, "seven local days of two segments"
    assert listed[0]["ts"] == "2024-06-02T22:00:00Z"
    rows = list(csv.DictReader(io.StringIO(analyze(*words, "--format", "csv").stdout)))
    assert [float(row["kwh"]) for row in rows] == pytest.approx([row["kwh"] for row in listed])
    done = analyze(*words, "--out", "load.parquet")
    assert (done.stdout, done.stderr.splitlines()[-1]) == ("", "load.parquet: 14 rows")
    table = pq.read_table(tmp_path / "load.parquet")
    assert table.column("kwh").to_pylist() == pytest.approx([row["kwh"] for row in listed])
    assert [path.name for path in tmp_path.iterdir()] == ["config.toml", "load.parquet"]


def test_energy_of_all_periods_of_a_tariff_is_all_energy(analyze: Analyze) -> None:
    periods = json.loads(analyze("time_of_use", *WEEK, *TARIFF, "--format", "json").stdout)
    words = ("load", *WEEK, *TARIFF, "--every", "1y", "--format", "json")  # its zone, too
    [total] = json.loads(analyze(*words).stdout)
    assert sum(row["kwh"] for row in periods) == pytest.approx(total["kwh"])


def test_only_the_meters_that_were_asked_for(analyze: Analyze) -> None:
    words = ("completeness", *WEEK, "--meter", "M-F1-020", "--format", "json")
    rows = json.loads(analyze(*words).stdout)
    assert {row["meter_id"] for row in rows} == {"M-F1-020"}
    assert sum(row["missing"] for row in rows) == 4


def test_question_of_the_docs_runs_and_takes_its_parameter(
    analyze: Analyze, tmp_path: Path
) -> None:
    page = (PROJECT / "docs" / "ANALYSES.md").read_text()
    [own] = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
    (tmp_path / "heavy_days.sql").write_text(own)
    zone = ("--zone", "Europe/Berlin", "--format", "json")
    some = json.loads(analyze("heavy_days.sql", *WEEK, *zone).stdout)
    few = json.loads(analyze("heavy_days.sql", *WEEK, *zone, "--set", "limit_kwh=150").stdout)
    assert [row["kwh"] for row in some] == sorted((row["kwh"] for row in some), reverse=True)
    assert len(some) > len(few) > 0
    assert few == [row for row in some if row["kwh"] > 150]


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("loads", *WEEK), 2, "QUESTION: must be a file (.sql) or one of"),
        (("gone.sql", *WEEK), 2, "QUESTION: cannot read gone.sql"),
        (("load",), 2, "--from, --to: give both"),
        (("load", *WEEK, "--set", "colour=red"), 1, "it takes every, group, zone"),
        (("load", *WEEK, "--every", "1d", "--zone", "Mars"), 2, "--zone: cannot use the time zone"),
        (("time_of_use", *WEEK), 1, "without a tariff: give --tariff FILE"),
        (("load", *WEEK, "--offline"), 2, "--offline: needs an archive"),
        (("load", *WEEK, "--offline", "--dir", "nowhere"), 1, "nowhere"),
        (("load", *WEEK, "--out", "no/such/folder.csv"), 1, "no/such/folder.csv"),
        (("bad.sql", *WEEK), 1, "cannot answer bad: "),
        (("outside.sql", *WEEK), 1, "cannot answer outside: "),
    ],
)
def test_refusal_says_what_to_do(
    analyze: Analyze, tmp_path: Path, words: tuple[str, ...], code: int, told: str
) -> None:
    (tmp_path / "bad.sql").write_text("SELECT no_such_column FROM readings\n")
    (tmp_path / "outside.sql").write_text("SELECT * FROM read_text('/etc/hostname')\n")
    done = analyze(*words)
    assert (done.returncode, told in done.stderr) == (code, True), done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_database_that_is_away_is_told(tmp_path: Path) -> None:
    nowhere = 'uri = "postgresql://admin:quest@127.0.0.1:1/qdb"\nilp_http_addr = "127.0.0.1:1"\n'
    (tmp_path / "config.toml").write_text(f"[questdb]\n{nowhere}")
    done = run_command("analyze", "load", *WEEK, "--config", "config.toml", cwd=tmp_path)
    assert (done.returncode, "run it again when QuestDB is there" in done.stderr) == (1, True), (
        done.stderr
    )
