"""What a look at the table says of rows that go there, or went."""

import pytest

from utility_ts_analytics.database.access import HttpAccess
from utility_ts_analytics.sinks.contract import RetryLater
from utility_ts_analytics.sinks.ilp.http_connection import Answer
from utility_ts_analytics.sinks.ilp.landing import (
    looks_at,
    makes_tables,
    table_id_of,
    trouble_after,
)


def found(row: str) -> Answer:
    return Answer(200, f'{{"dataset":[{row}],"count":1}}')


def test_requests_name_the_table_in_small_letters_and_have_the_login() -> None:
    looks = looks_at("db:9000", "Meter_Usage", HttpAccess(authorization="Bearer t"))
    for request in (looks.setting, looks.table):
        head, _, rest = request.decode().partition("\r\n")
        assert head.startswith("GET /exec?query=SELECT+")
        assert rest == "Host: db:9000\r\nAuthorization: Bearer t\r\n\r\n"
    assert b"line.auto.create.new.tables" in looks.setting
    assert b"+%3D+%27meter_usage%27&nm=true HTTP/1.1" in looks.table


@pytest.mark.parametrize(
    ("answer", "makes"),
    [
        (found('["false"]'), False),
        (found('["true"]'), True),
        (found(""), True),
        (Answer(403, "no"), True),
    ],
)
def test_server_that_does_not_say_otherwise_makes_tables(answer: Answer, makes: bool) -> None:
    assert makes_tables(answer) == makes


def test_right_table_is_known_by_its_id() -> None:
    assert table_id_of(found('[6,"ts",true,true]'), "t") == "6"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("", "missing; run 'ingestion-service schema apply'"),
        ('[6,"timestamp",true,false]', "not that of the schema"),
        ('[6,"ts",true,false]', "not that of the schema"),
        ('[6,"ts",false,true]', "not that of the schema"),
    ],
)
def test_table_that_cannot_take_readings_is_the_schemas_fault(row: str, words: str) -> None:
    for refusal in (
        table_id_of(found(row), "t"),
        trouble_after(found(row), "6", "t"),
    ):
        assert isinstance(refusal, RetryLater)
        assert refusal.code == "schema-missing"
        assert words in refusal.reason


def test_rows_are_stored_only_in_the_table_that_was_seen_before() -> None:
    before = "6"
    assert trouble_after(found('[6,"ts",true,true]'), before, "t") is None
    trouble = trouble_after(found('[7,"ts",true,true]'), before, "t")
    assert isinstance(trouble, RetryLater)
    assert trouble.code == "schema-missing"


@pytest.mark.parametrize(
    "answer", [Answer(403, "no"), Answer(502, ""), Answer(200, "<html>"), Answer(200, "[" * 9_000)]
)
def test_what_is_not_questdbs_answer_says_that_exec_is_needed(answer: Answer) -> None:
    refusal = table_id_of(answer, "t")
    assert isinstance(refusal, RetryLater)
    assert refusal.code == "sink-unavailable"
    assert "/exec" in refusal.reason
