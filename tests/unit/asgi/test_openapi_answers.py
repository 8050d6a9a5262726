"""Each route lists the errors that it can end in, by status."""

from utility_ts_analytics.asgi.openapi_answers import (
    ARRAY_ERRORS,
    INGEST_ERRORS,
    ingest_answers,
    problem_answers,
)


def test_only_arrays_are_refused_for_not_being_json() -> None:
    def codes(position: object) -> list[str]:
        answer = ingest_answers("line" if position == "line" else "index")["400"]
        schema = answer["content"]["application/problem+json"]["schema"]
        return list(schema["properties"]["code"]["enum"])

    assert "invalid-json" not in codes("line")
    assert set(codes("index")) == {*codes("line"), "invalid-json"}


def test_every_error_is_listed_once_and_no_status_twice() -> None:
    for errors in (INGEST_ERRORS, ARRAY_ERRORS):
        codes = [error.code for error in errors]
        assert len(set(codes)) == len(codes)
        answers = problem_answers(errors, "Problem")
        listed = [
            code
            for answer in answers.values()
            for code in answer["content"]["application/problem+json"]["examples"]
        ]
        assert listed == codes


def test_errors_of_one_answer_agree_on_whether_to_try_again() -> None:
    for error in ARRAY_ERRORS:
        same = [other for other in ARRAY_ERRORS if other.status == error.status]
        assert {other.retryable for other in same} == {error.retryable}
        assert {tuple(other.headers) for other in same} == {tuple(error.headers)}
