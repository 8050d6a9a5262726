"""What a look at the table says of rows that go there, or went."""

import pytest

from utility_ts_analytics.database.http_access import HttpAccess
from utility_ts_analytics.sinks.contract import RetryLater
from utility_ts_analytics.sinks.ilp.http_exchange import Answer
from utility_ts_analytics.sinks.ilp.landing import look_request, refusal_of


def test_request_names_the_table_in_small_letters_and_has_the_login() -> None:
    request = look_request("db:9000", "Meter_Usage", HttpAccess(authorization="Bearer t")).decode()
    head, _, rest = request.partition("\r\n")
    assert head.startswith("GET /exec?query=SELECT+id%2C+")
    assert "+%3D+%27meter_usage%27&nm=true HTTP/1.1" in head
    assert rest == "Host: db:9000\r\nAuthorization: Bearer t\r\n\r\n"


def test_right_table_is_not_refused() -> None:
    assert refusal_of(Answer(200, '{"dataset":[[6,"ts",true,true]],"count":1}'), "t") is None


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
    refusal = refusal_of(Answer(200, f'{{"dataset":[{row}],"count":1}}'), "t")
    assert isinstance(refusal, RetryLater)
    assert refusal.code == "schema-missing"
    assert words in refusal.reason


@pytest.mark.parametrize(
    "answer", [Answer(403, "no"), Answer(502, ""), Answer(200, "<html>"), Answer(200, "[" * 9_000)]
)
def test_what_is_not_questdbs_answer_says_that_exec_is_needed(answer: Answer) -> None:
    refusal = refusal_of(answer, "t")
    assert isinstance(refusal, RetryLater)
    assert refusal.code == "sink-unavailable"
    assert "/exec" in refusal.reason
