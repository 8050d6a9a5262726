"""Files as the field has them, from the command to the rows in the tables: `tests/cases`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.process.file_cases import Case, all_cases, in_order
from tests.process.running_load import Loader, loader
from tests.process.running_service import QuestDBPorts
from tests.process.stored_tables import Row, StoredTables

pytestmark = [pytest.mark.process, pytest.mark.questdb]

ALL = all_cases()
each_case = pytest.mark.parametrize("case", ALL, ids=[case.name for case in ALL])


@pytest.fixture(scope="module")
def ports(questdb: QuestDBPorts) -> QuestDBPorts:
    return questdb


@each_case
def test_dry_run_says_what_is_read_refused_and_left_out(
    ports: QuestDBPorts, tmp_path: Path, case: Case
) -> None:
    facts = _facts(_loader(ports, tmp_path, case), case, "--dry-run")
    refused = facts["parse_errors"] + facts["rejected"]
    left_out = sum(entry["notes"].get("records-left-out", 0) for entry in facts["files"])
    assert (facts["accepted"], refused, left_out) == (case.accepted, case.refused, case.left_out)
    assert facts["replaced"] == case.conflicts
    errors = [error for entry in facts["files"] for error in entry["errors"]]
    assert {error["line"] for error in errors} >= set(case.lines)
    told = json.dumps(facts, ensure_ascii=False)
    assert [text for text in case.named if text not in told] == []
    assert [Path(path).name for path in facts["skipped"]] == list(case.skipped)


@each_case
def test_rows_are_stored_as_they_were_meant(
    ports: QuestDBPorts, tables: StoredTables, tmp_path: Path, case: Case
) -> None:
    tables.execute(f"TRUNCATE TABLE {case.stream}")
    facts = _facts(_loader(ports, tmp_path, case), case)
    assert facts["accepted"] == case.accepted
    expected = case.expected()
    assert in_order(_stored(tables, case.stream, expected[0])) == expected


def _loader(ports: QuestDBPorts, place: Path, case: Case) -> Loader:
    source = {"allow_negative": case.allow_negative}
    return loader(place, ports, {case.stream: {"source": source}})


def _facts(load: Loader, case: Case, *options: str) -> Mapping[str, Any]:
    return load.facts(*case.arguments(), *options, code=case.exit_code, into=case.stream)


def _stored(tables: StoredTables, table: str, like: Row) -> list[Row]:
    tables.wait_applied(table)
    names = list(like)
    rows = tables.execute(f"SELECT {', '.join(names)} FROM {table}")
    return [dict(zip(names, row, strict=True)) for row in rows]
