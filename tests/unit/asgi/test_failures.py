"""Every reason for which rows are given back has its status, and says when to come again."""

from typing import get_args

import pytest

from utility_ts_analytics.asgi.failures import client_error, raise_if
from utility_ts_analytics.buffering.block import Failure, FailureCode
from utility_ts_analytics.errors import RetryableError


@pytest.mark.parametrize("code", get_args(FailureCode))
def test_every_failure_is_a_503_that_names_it(code: FailureCode) -> None:
    error = client_error(Failure(code, "some reason", 7))
    assert isinstance(error, RetryableError)
    assert (error.status, error.code, error.detail) == (503, code, "some reason")
    assert error.retryable
    assert error.headers["retry-after"] == "7"


def test_only_a_failure_is_raised() -> None:
    raise_if(None)
    with pytest.raises(RetryableError, match="some reason"):
        raise_if(Failure("draining", "some reason"))
