"""Every reason for which rows are given back has its status, and says when to come again."""

from typing import get_args

import pytest

from utility_ts_analytics.asgi.failures import client_error, raise_if, raise_if_too_many
from utility_ts_analytics.asgi.types import IngestLimits
from utility_ts_analytics.buffering.block import Failure, FailureCode
from utility_ts_analytics.errors import RetryableError, TooManyDays, TooManyRecords
from utility_ts_analytics.reading.ndjson import Decoded
from utility_ts_analytics.reading.summary import ReadSummary


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


def limits(*, records: int, days: int) -> IngestLimits:
    return IngestLimits(1, 0, 1, records, days, 1, 0, 1.0, 0, 1.0)


def test_limits_of_records_and_days_hold_over_all_blocks_of_a_request() -> None:
    summary = ReadSummary()
    for days in ({1, 2}, {2, 3}):
        summary.add(Decoded((), (), (), 3, 0, frozenset(days)))
    raise_if_too_many(summary, limits(records=6, days=3))
    raise_if_too_many(summary, limits(records=0, days=0))
    with pytest.raises(TooManyRecords, match=r"5 records \(max_request_records\)"):
        raise_if_too_many(summary, limits(records=5, days=3))
    with pytest.raises(TooManyDays, match=r"2 different days \(max_request_days\)"):
        raise_if_too_many(summary, limits(records=6, days=2))
