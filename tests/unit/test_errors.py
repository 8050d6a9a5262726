"""The table of errors is that of the contract, section 3."""

import pytest

from utility_ts_analytics import errors
from utility_ts_analytics.errors import ClientError, ConfigError, Overloaded

CONTRACT = {
    "invalid-json": (400, False),
    "strict-rejected": (400, False),
    "truncated-body": (400, False),
    "invalid-encoding": (400, False),
    "unknown-parameter": (400, False),
    "unauthorized": (401, False),
    "not-found": (404, False),
    "method-not-allowed": (405, False),
    "unsupported-media-type": (415, False),
    "unsupported-encoding": (415, False),
    "body-timeout": (408, True),
    "body-too-large": (413, False),
    "too-many-days": (400, False),
    "too-many-errors": (400, False),
    "foreign-origin": (403, False),
    "too-many-records": (413, False),
    "decompressed-too-large": (413, False),
    "nothing-accepted": (422, False),
    "overloaded": (429, True),
    "sink-unavailable": (503, True),
    "table-suspended": (503, True),
    "schema-missing": (503, True),
    "draining": (503, True),
    "internal-error": (500, True),
}


def test_codes_statuses_and_retry_are_those_of_the_contract() -> None:
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, ClientError) and hasattr(kind, "code")
    ]
    assert {kind.code: (kind.status, kind.retryable) for kind in kinds} == CONTRACT


def test_a_passing_refusal_says_when_to_come_back() -> None:
    assert Overloaded("full", 7).headers == {"retry-after": "7"}


def test_a_config_error_keeps_every_problem() -> None:
    error = ConfigError(["a: x", "b: y"])
    assert error.problems == ("a: x", "b: y")
    assert str(error) == "a: x; b: y"
    with pytest.raises(errors.OperatorError):
        raise error
