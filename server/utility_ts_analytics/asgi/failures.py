"""From why rows could not be stored to the error that answers the request."""

from collections.abc import Mapping
from typing import Final

from utility_ts_analytics.buffering.block import Failure, FailureCode
from utility_ts_analytics.errors import (
    ClientError,
    Draining,
    RetryableError,
    SchemaMissing,
    SinkUnavailable,
    TableSuspended,
)

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
