"""What an answer says about a body that is something else, on both routes."""

import json

import pytest
from tests.unit.asgi.ingest_rig import ARRAY, BAD, GOOD, NDJSON, Service

from utility_ts_analytics.asgi.advice import advice_on, advised, first_advice
from utility_ts_analytics.reading import wrong_formats
from utility_ts_analytics.records.validation import RowError

ONE, TWO = (GOOD % 1).strip(), (GOOD % 2).strip()
TS = '"ts":"2024-05-01T00:00:00Z"'
LINES_ROUTE, ARRAY_ROUTE = "POST /ingest/meter_usage/ndjson", "POST /ingest/meter_usage takes"


@pytest.mark.parametrize(
    ("path", "body", "advice"),
    [
        (NDJSON, f"[{ONE},{TWO}]", ARRAY_ROUTE),
        (NDJSON, f"[{ONE},\n{TWO}]", ARRAY_ROUTE),
        (NDJSON, ONE + TWO, "--data-binary keeps them"),
        (NDJSON, f"{ONE},\n{TWO},", ARRAY_ROUTE),
        (
            NDJSON,
            json.dumps(json.loads(ONE), indent=2),
            "(`jq -c` does), or post it to /ingest/meter",
        ),
        (NDJSON, json.dumps([json.loads(ONE)], indent=2), ARRAY_ROUTE),
        (NDJSON, f'{{"readings":[{ONE}]}}', "post that list itself to /ingest/meter_usage, each"),
        (ARRAY, f'{{"readings":[{ONE}]}}', "post that list itself, each element"),
        (ARRAY, f"{ONE}\n{TWO}\n", f"NDJSON goes to {LINES_ROUTE} "),
        (ARRAY, f"{ONE},{TWO}", "an array stands in square brackets"),
        (
            NDJSON,
            "ts,meter_id,kwh\n1,2,3\n",
            "`ingestion-service load FILE --into meter_usage` takes",
        ),
        (
            ARRAY,
            "ts,meter_id,kwh\n1,2,3\n",
            "`ingestion-service load FILE --into meter_usage` takes",
        ),
        (NDJSON, "readings.ndjson", "--data-binary @FILE"),
        (ARRAY, "@readings.json", "--data-binary @FILE"),
        (NDJSON, "ts=1&meter_id=2", "post JSON, with curl's --data-binary"),
        (NDJSON, "%7B%22ts%22", "instead of --data-urlencode"),
        (NDJSON, "<feed/>", "Green Button"),
        (NDJSON, b"\x1f\x8b\x08\0", "the header `Content-Encoding: gzip` is missing"),
        (ARRAY, b"\x28\xb5\x2f\xfd\0", "the header `Content-Encoding: zstd` is missing"),
        (
            NDJSON,
            f'{{{TS},"plant_id":"p","mw":1}}',
            "go to POST /ingest/generation_output/ndjson, on the port of that stream",
        ),
        (
            ARRAY,
            f'[{{{TS},"plant_id":"p"}}]',
            "POST /ingest/generation_output, on the port of that",
        ),
        (NDJSON, f"[{','.join([ONE] * 20)}]", ARRAY_ROUTE),  # over `max_line_bytes`
        (NDJSON, ONE * 20, "--data-binary keeps them"),
    ],
)
def test_problem_says_what_takes_the_body(path: str, body: str | bytes, advice: str) -> None:
    for query in ("", "strict=true"):
        status, answer = Service().post(path, body, query=query)
        assert status in (400, 422)
        assert advice in answer["detail"]
        assert answer["accepted"] == 0
        if answer["code"] != "invalid-json":
            assert advice in answer["errors"][0]["detail"]


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
@pytest.mark.parametrize(("path", "body"), [(NDJSON, ONE), (ARRAY, f"[{ONE}]")])
def test_plain_body_with_the_header_of_a_compressed_one_is_told(
    encoding: str, path: str, body: str
) -> None:
    status, answer = Service().post(path, body, encoding=encoding)
    assert (status, answer["code"]) == (400, "invalid-encoding")
    assert answer["detail"].endswith(
        "; it begins as plain JSON; leave the header `Content-Encoding` out"
    )


def test_error_among_good_lines_has_the_advice() -> None:
    status, answer = Service().post(NDJSON, GOOD % 1, ONE + TWO + "\n", BAD)
    assert status == 200
    assert "--data-binary" in answer["errors"][0]["detail"]
    assert answer["errors"][1]["detail"] == "kwh is required"


def test_too_many_errors_have_the_advice() -> None:
    document = json.dumps([json.loads(ONE)] * 9, indent=1)
    status, answer = Service(max_request_errors=3).post(NDJSON, document)
    assert (status, answer["code"]) == (400, "too-many-errors")
    assert ARRAY_ROUTE in answer["detail"]


def test_problem_of_a_body_that_may_be_anything_has_no_advice() -> None:
    answer = Service().post(NDJSON, BAD, "nonsense")[1]
    assert answer["detail"] == "every line was refused; `errors` says why"
    assert Service().post(ARRAY, "nonsense")[1]["detail"].endswith("counted from 0")


def test_negative_value_names_the_setting() -> None:
    answer = Service().post(NDJSON, ONE.replace('"kwh":1', '"kwh":-1'))[1]
    assert "source.allow_negative" in answer["errors"][0]["detail"]


def test_advice_is_that_of_the_route_and_of_the_first_known_error() -> None:
    errors = [RowError(1, "invalid-json", None, "torn"), RowError(2, "invalid-json", None, "s")]
    assert first_advice(errors, "meter_usage", ndjson=True) is None
    errors.append(RowError(3, "invalid-json", None, wrong_formats.SEVERAL))
    advice = first_advice(errors, "generation_output", ndjson=False)
    assert advice is not None
    assert "/ingest/generation_output/ndjson" in advice
    assert advised(f"cannot: {wrong_formats.SEVERAL}", "generation_output", ndjson=False) == (
        f"cannot: {wrong_formats.SEVERAL}; {advice}"
    )
    assert advice_on(wrong_formats.ARRAY, "meter_usage", ndjson=False) is None
