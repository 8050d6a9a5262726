"""The rules are held by promtool: each alert fires where it should and not where it should not."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from tests.infra.promql import INFRA, findings, rules
from tests.system_programs import system_program

PROMETHEUS = INFRA / "prometheus"
OPERATIONS = INFRA.parent / "docs" / "OPERATIONS.md"
ALERTS = [str(rule["alert"]) for rule in rules("alert")]

# What CONTRACT and the operators' page promise to notice.
PROMISED = {
    "IngestionServiceDown",
    "IngestionNothingStored",
    "IngestionStreamSilent",
    "IngestionQuestDBDown",
    "IngestionTableSuspended",
    "IngestionWalLagGrowing",
    "IngestionFallbackActive",
    "IngestionRefusedShareHigh",
    "IngestionRowsFailing",
    "IngestionLatencyHigh",
    "IngestionOverloaded",
    "IngestionQueueFull",
    "IngestionWorkersRestarting",
    "IngestionSpoolFilling",
    "IngestionDeadLettersLost",
    "IngestionBooksNotBalanced",
    "IngestionKafkaDown",
    "IngestionLogLagGrowing",
    "IngestionLogLagOld",
    "IngestionLogMessagesLost",
    "IngestionConsumerStopped",
    "IngestionShardDown",
    "IngestionDeadLetters",
    "IngestionDeadLettersWaiting",
    "IngestionLogUnderReplicated",
}

Cases = dict[bool, list[str]]

_NAMED = re.compile(r'alertname="(\w+)"')


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [system_program("promtool"), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def case_files() -> list[Path]:
    return sorted((PROMETHEUS / "tests").glob("*.yml"))


def cases() -> Cases:
    """Return the alerts of the cases, in which they fire (True) and in which not."""
    found: Cases = {True: [], False: []}
    for path in case_files():
        for case in yaml.safe_load(path.read_text())["tests"]:
            [check] = case["promql_expr_test"]
            alert = _NAMED.search(check["expr"])
            assert alert
            assert case["name"].startswith(alert[1])
            found[bool(check["exp_samples"])].append(alert[1])
    return found


def test_config_and_rules_are_accepted() -> None:
    checked = promtool(
        "check", "config", "--lint=all", "--lint-fatal", PROMETHEUS / "prometheus.yml"
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{len(ALERTS)} rules found" in checked.stdout


def test_cases_see_what_is_recorded_before_what_is_alerted() -> None:
    """Groups that the cases do not name, promtool evaluates in any order."""
    files = [PROMETHEUS / "rules" / name for name in ("recording.yml", "alerts.yml")]
    groups = [
        group["name"] for path in files for group in yaml.safe_load(path.read_text())["groups"]
    ]
    for path in case_files():
        assert yaml.safe_load(path.read_text())["group_eval_order"] == groups


def test_every_alert_fires_and_keeps_silent_as_its_cases_say() -> None:
    tested = promtool("test", "rules", *case_files())
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_every_alert_has_a_case_for_and_a_case_against() -> None:
    found = cases()
    assert sorted(set(found[True])) == sorted(ALERTS)
    assert sorted(set(found[False])) == sorted(ALERTS)


@pytest.mark.parametrize(
    ("expr", "fires"), [("vector(0) > 1", True), ("vector(1)", False)], ids=["never", "always"]
)
def test_cases_notice_an_alert_that_never_fires_or_always(
    expr: str, fires: bool, tmp_path: Path
) -> None:
    place = tmp_path / "prometheus"
    shutil.copytree(PROMETHEUS, place)
    (place / "rules" / "recording.yml").write_text("groups: []\n")
    failed = []
    for path in sorted((place / "tests").glob("*.yml")):
        # Only the alerts that the file is about: twenty that fire in each step take their time.
        names = sorted(set(_NAMED.findall(path.read_text())))
        alerts = [{"alert": name, "expr": expr} for name in names]
        groups = {"groups": [{"name": "spoiled", "rules": alerts}]}
        (place / "rules" / "alerts.yml").write_text(yaml.safe_dump(groups))
        tested = promtool("test", "rules", path)
        failed += re.findall(r'expr: .*alertname=\\?"(\w+)', tested.stdout + tested.stderr)
    assert sorted(failed) == sorted(cases()[fires])


def test_what_is_promised_is_there_and_named_alike() -> None:
    assert set(ALERTS) >= PROMISED
    assert len(ALERTS) == len(set(ALERTS))
    assert all(name.startswith("Ingestion") for name in ALERTS)


def test_every_alert_says_what_it_is_and_where_to_read_on() -> None:
    for rule in rules("alert"):
        name, notes, labels = rule["alert"], rule["annotations"], rule["labels"]
        assert isinstance(notes, dict)
        assert isinstance(labels, dict)
        assert labels["severity"] in {"critical", "warning"}, name
        assert sorted(notes) == ["description", "runbook", "summary"], name
        assert notes["runbook"] == f"docs/OPERATIONS.md#{str(name).lower()}"


def test_every_alert_has_its_section_and_every_section_its_alert() -> None:
    sections = re.findall(r"^### (Ingestion\w+)$", OPERATIONS.read_text(), re.MULTILINE)
    assert sorted(sections) == sorted(ALERTS)


def test_rules_use_only_what_is_emitted() -> None:
    assert (
        list(findings(str(rule["expr"]) for kind in ("alert", "record") for rule in rules(kind)))
        == []
    )


@pytest.mark.parametrize(
    "expr",
    [
        "ingestion_rows_recieved_total",
        "rate(ingestion_request_seconds[5m])",  # a histogram has no series of its own name
        "stream:ingestion_rows_received:rate7m",
        'ingestion_rows_stored_total{sinks="ilp"}',
        'ingestion_rows_rejected_total{reason="too-long"}',
        'ingestion_rows_failed_total{reason!~"draining|drained"}',
    ],
)
def test_name_that_nobody_emits_is_found(expr: str) -> None:
    assert len(list(findings([expr]))) == 1
