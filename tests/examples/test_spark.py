"""Spark on the archive, on a cluster of several processes: the answers are those of DuckDB."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.examples.duckdb_answers import DuckAnswers
from tests.examples.small_archive import PERIOD, make_archive
from tests.examples.spark_cluster import SparkCluster
from tests.process.running_service import PROJECT, command_environment

pytestmark = pytest.mark.process

TIMEOUT_S = 420.0
"""About a tenth of that on an idle machine; tests share theirs."""
ORDERS = {
    "segment_load": "ts, segment",
    "feeder_demand": "ts, feeder_id",
    "completeness": "local_day, meter_id",
}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> SparkCluster:
    return SparkCluster(tmp_path_factory.mktemp("spark"))


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("archive")
    make_archive(root)
    return root


@pytest.fixture(scope="module")
def answers(cluster: SparkCluster, archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The answers to all questions, by one program on one cluster."""
    out = tmp_path_factory.mktemp("answers")
    command = (sys.executable, "-m", "examples.spark.ask", str(archive), *PERIOD, "--out", str(out))
    done = subprocess.run(
        command,
        cwd=PROJECT,
        env=command_environment(cluster.environment),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, f"{done.stderr}\n{cluster.output()}"
    return out


def same(one: object, other: object) -> bool:
    """Tell whether two values are equal; sums of many floats depend on their order a little."""
    if isinstance(one, float) and isinstance(other, float):
        return one == pytest.approx(other, rel=1e-12, abs=1e-12)
    return type(one) is type(other) and one == other


@pytest.mark.parametrize("question", ORDERS)
def test_answer_is_that_of_duckdb_row_for_row(question: str, answers: Path, archive: Path) -> None:
    duck = DuckAnswers(archive)
    expected = duck.rows(question)
    found = duck.written(answers / question, ORDERS[question])
    assert len(expected) > 300
    assert len(found) == len(expected)
    for mine, theirs in zip(found, expected, strict=True):
        assert all(same(one, other) for one, other in zip(mine, theirs, strict=True)), (
            mine,
            theirs,
        )


def test_both_executors_worked(answers: Path, cluster: SparkCluster) -> None:
    assert answers.exists()
    assert {"0", "1"} <= cluster.executors_that_worked()


def test_day_of_25_hours_and_versions_within_the_week_count(answers: Path, archive: Path) -> None:
    """What the files were made for is in the answers, whatever DuckDB says."""
    rows = DuckAnswers(archive).written(answers / "completeness", ORDERS["completeness"])
    figures = {(str(row[0]), row[1]): row[2:] for row in rows}
    assert figures["2024-10-27", "M-F1-010"][:2] == (100, 100)
    # Removed at 00:07 UTC: the slot of 02:00 local time was still due, 2 hours after midnight.
    assert figures["2024-10-24", "M-F1-001"][:3] == (9, 9, 0)
    assert figures["2024-10-24", "M-F1-001"][-1] == 87
    assert figures["2024-10-22", "M-NEITHER"] == (96, 2, 94, pytest.approx(100 / 48), 1, 1, 0)


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (("--from", "2024-10-21", "--to", "2024-10-21"), "it is empty"),
        (("--from", "2024-10-21T00:00", "--to", "2024-10-22"), "give a day, or a time with"),
        (("--from", "2024-10-21", "--to", "2024-10-22", "losses"), "losses"),
    ],
)
def test_question_without_sense_is_refused_before_spark_starts(
    arguments: tuple[str, ...], cause: str, cluster: SparkCluster
) -> None:
    done = subprocess.run(
        (sys.executable, "-m", "examples.spark.ask", "nowhere", *arguments),
        cwd=PROJECT,
        env=command_environment(cluster.environment),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 2
    assert cause in done.stderr
    assert len(done.stderr.splitlines()) == 1
