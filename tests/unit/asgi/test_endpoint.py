"""One request, top to bottom, against a real intake whose lane is a scripted consumer."""

import json

import pytest
from tests.unit.asgi.ingest_rig import ARRAY, BAD, GOOD, NDJSON, Service

from utility_ts_analytics.asgi.settings import Ack
from utility_ts_analytics.buffering.block import Failure
from utility_ts_analytics.telemetry.token_counts import TokenTotals, add_tokens


def test_every_good_line_is_accepted_and_every_bad_one_named() -> None:
    service = Service()
    status, answer = service.post(NDJSON, GOOD % 1, "\n" + BAD, GOOD % 2, "nonsense")
    assert status == 200
    assert (answer["accepted"], answer["parse_errors"], answer["rejected"]) == (2, 2, 0)
    assert [(error["line"], error["code"]) for error in answer["errors"]] == [
        (3, "missing-field"),
        (5, "invalid-json"),
    ]
    assert answer["ack"] == "committed"
    assert len(service.stored) == 2


def test_arrays_are_numbered_by_index() -> None:
    good = json.loads(GOOD % 1)
    status, answer = Service().post(ARRAY, json.dumps([good, {**good, "kwh": -1}]))
    assert status == 200
    assert answer["rejected"] == 1
    assert answer["errors"][0]["index"] == 1
    assert answer["errors"][0]["code"] == "negative-value"


def test_nothing_accepted_although_there_were_lines_is_422_and_an_empty_body_is_not() -> None:
    status, answer = Service().post(NDJSON, BAD)
    assert (status, answer["code"], answer["parse_errors"]) == (422, "nothing-accepted", 1)
    assert Service().post(NDJSON, "\n\n")[0] == 200


def test_strict_ends_at_the_first_bad_line_and_says_what_is_stored() -> None:
    service = Service(strict=True)
    status, answer = service.post(NDJSON, GOOD % 1, BAD, GOOD % 2)
    assert (status, answer["code"]) == (400, "strict-rejected")
    assert answer["accepted"] == len(service.stored)
    assert answer["errors"][0]["line"] == 2
    assert Service(strict=True).post(NDJSON, GOOD % 1, BAD, query="strict=false")[0] == 200


def test_validate_only_checks_and_stores_nothing_even_without_a_database() -> None:
    service = Service(refusal=Failure("sink-unavailable", "away"))
    status, answer = service.post(NDJSON, GOOD % 1, BAD, query="validate_only=true")
    assert (status, answer["accepted"], answer["parse_errors"]) == (200, 1, 1)
    assert answer["ack"] == "validated"
    assert service.stored == []


def test_a_cut_body_loses_its_last_line_and_is_never_complete() -> None:
    service = Service()
    status, answer = service.post(NDJSON, GOOD % 1 + (GOOD % 2).strip(), cut=True)
    assert (status, answer["code"]) == (400, "truncated-body")
    assert answer["accepted"] == len(service.stored) <= 1


@pytest.mark.parametrize("ack", ["committed", "enqueued"])
def test_rows_given_back_are_never_accepted(ack: Ack) -> None:
    status, answer = Service(fate="fail", ack=ack).post(NDJSON, GOOD % 1, GOOD % 2)
    if ack == "committed":
        assert (status, answer["code"], answer["accepted"]) == (503, "sink-unavailable", 0)
        assert answer["retryable"] is True
    else:
        assert status in (200, 503)  # buffered rows may fail before or after the answer


def test_rows_refused_by_the_database_are_reported_with_their_line() -> None:
    status, answer = Service(fate="reject").post(NDJSON, "\n", GOOD % 1)
    assert (status, answer["rejected"]) == (422, 1)
    assert answer["errors"][0]["line"] == 2
    assert answer["errors"][0]["code"] == "sink-rejected"


def test_limits_and_refusals_answer_before_anything_is_taken() -> None:
    assert Service(max_concurrent_requests=0).post(NDJSON, GOOD % 1)[1]["code"] == "overloaded"
    suspended = Service(refusal=Failure("table-suspended", "resume it"))
    status, answer = suspended.post(NDJSON, GOOD % 1)
    assert (status, answer["code"], answer["detail"]) == (503, "table-suspended", "resume it")
    assert Service(tokens=["t"]).post(NDJSON, GOOD % 1)[0] == 401
    assert Service(tokens=["t"]).post(NDJSON, GOOD % 1, token="t")[0] == 200
    assert suspended.stored == []


def test_answers_are_counted_by_the_name_of_the_token_and_wrong_ones_nowhere() -> None:
    service = Service(tokens=["t"])

    def counted() -> TokenTotals:
        totals: TokenTotals = {}
        add_tokens(totals, service.measures.words, ["head-end", "other"])
        assert totals.pop("other") == (0, 0)
        return totals

    assert service.post(NDJSON, GOOD % 1, GOOD % 2, BAD, token="t")[0] == 200
    assert counted() == {"head-end": (1, 2)}
    for token in ("wrong", "head-end", None):
        assert service.post(NDJSON, GOOD % 1, token=token)[0] == 401
    assert counted() == {"head-end": (1, 2)}
    assert service.post(NDJSON, GOOD % 1, token="t", query="validate_only=true")[0] == 200
    assert service.post(NDJSON, BAD, token="t")[0] == 422
    service.fate = "fail"
    assert service.post(NDJSON, GOOD % 1, token="t")[0] == 503
    assert counted() == {"head-end": (4, 2)}
    assert Service().post(NDJSON, GOOD % 1)[0] == 200, "an open stream has no names"


def test_too_many_records_name_the_limit() -> None:
    status, answer = Service(max_request_records=2).post(NDJSON, (GOOD % 1) * 3)
    assert (status, answer["code"]) == (413, "too-many-records")
    assert "2" in answer["detail"]


DAILY = '{"ts":"2024-01-%02dT00:00:00Z","meter_id":"m","kwh":1}\n'


def test_too_many_days_name_the_limit_and_accepted_tells_what_is_stored() -> None:
    service = Service(max_request_days=3)
    body = "".join(DAILY % (1 + n % 3) for n in range(30))
    assert service.post(NDJSON, body)[0] == 200, "many rows on three days"
    service.stored.clear()
    status, answer = service.post(NDJSON, body, *(DAILY % day for day in range(4, 9)))
    assert (status, answer["code"], answer["retryable"]) == (400, "too-many-days", False)
    assert "3 different days (max_request_days)" in answer["detail"]
    assert answer["accepted"] == len(service.stored)
    array = "[" + ",".join((DAILY % day).strip() for day in range(1, 5)) + "]"
    status, answer = service.post(ARRAY, array)
    assert (status, answer["code"], answer["accepted"]) == (400, "too-many-days", 0)
    status, answer = service.post(ARRAY, array, query="validate_only=true")
    assert (status, answer["code"]) == (400, "too-many-days")


def test_days_far_apart_are_counted_and_not_what_lies_between() -> None:
    far = '{"ts":"2000-01-01T00:00:00Z","meter_id":"m","kwh":1}\n'
    service = Service(max_request_days=2)
    assert service.post(NDJSON, DAILY % 1 + far + DAILY % 1)[0] == 200


def test_a_block_larger_than_the_queue_is_taken_in_parts() -> None:
    service = Service()
    status, answer = service.post(NDJSON, "".join(GOOD % (n % 60) for n in range(350)))
    assert (status, answer["accepted"]) == (200, 350)
    assert len(service.stored) == 350


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [("/ingest/other/ndjson", "POST", 404), (NDJSON, "GET", 405), (ARRAY + "/", "POST", 404)],
)
def test_other_paths_and_methods(path: str, method: str, status: int) -> None:
    assert Service().post(path, "x", method=method)[0] == status
