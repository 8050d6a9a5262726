"""From why rows could not be stored, or are too many, to the error that answers the request."""

from collections.abc import Mapping
from typing import Final

from utility_ts_analytics.asgi.types import IngestLimits
from utility_ts_analytics.buffering.block import Failure, FailureCode
from utility_ts_analytics.errors import (
    ClientError,
    Draining,
    RetryableError,
    SchemaMissing,
    SinkUnavailable,
    TableSuspended,
    TooManyDays,
    TooManyErrors,
    TooManyRecords,
)
from utility_ts_analytics.reading.summary import ReadSummary

_ERRORS: Final[Mapping[FailureCode, type[RetryableError]]] = {
    "sink-unavailable": SinkUnavailable,
    "table-suspended": TableSuspended,
    "schema-missing": SchemaMissing,
    "draining": Draining,
}


def client_error(failure: Failure) -> ClientError:
    """Return the error that answers rows given back unstored."""
    return _ERRORS[failure.code](failure.detail, failure.retry_after_s)


def raise_if(failure: Failure | None) -> None:
    """Go on where nothing failed.

    Raises:
        ClientError: What answers `failure`.
    """
    if failure is not None:
        raise client_error(failure)


def raise_if_too_many(summary: ReadSummary, limits: IngestLimits) -> None:
    """Go on where a request is within its limits so far.

    Raises:
        ClientError: It has too many records, too many of them were refused, or its readings lie on
            too many days.
    """
    if 0 < limits.max_request_records < summary.lines:
        raise TooManyRecords(
            f"the body has more than {limits.max_request_records} records (max_request_records)"
        )
    bad = summary.lines - summary.valid_rows
    if 0 < limits.max_request_errors < bad and bad > summary.valid_rows:
        raise TooManyErrors(
            f"more than {limits.max_request_errors} records were refused, and fewer were valid"
            " (max_request_errors)"
        )
    if 0 < limits.max_request_days < len(summary.days):
        raise TooManyDays(
            f"the readings lie on more than {limits.max_request_days} different days"
            " (max_request_days): send them in several requests; `accepted` says how many are"
            " stored"
        )
