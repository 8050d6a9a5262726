"""The errors of requests and commands: whose fault, which status, may the client try again?

`ClientError` ends a request and `OperatorError` ends a command. What a sink reports is no exception
but a value (`sinks.contract.Outcome`). Our own faults are plain `AssertionError`.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

EXIT_OK, EXIT_FAILED, EXIT_CRASH_LOOP = 0, 1, 3
"""Exit codes of commands (CONTRACT section 2); errors carry their own."""


class ClientError(Exception):
    """Ends one HTTP request with a problem document (RFC 9457).

    Attributes:
        status: HTTP status code.
        code: One of the closed set of CONTRACT section 3.
        title: Short text, the same for every problem of this code.
        detail: What happened this time; never holds a payload or a token.
        headers: Extra response headers, lower-case names.
        retryable: Whether sending the same request again can help.
    """

    status: ClassVar[int]
    code: ClassVar[str]
    title: ClassVar[str]
    retryable: ClassVar[bool] = False

    def __init__(self, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.headers: Mapping[str, str] = headers or {}


class InvalidJson(ClientError):
    """The body of an array request is not JSON."""

    status, code, title = 400, "invalid-json", "The body is not valid JSON"


class StrictRejected(ClientError):
    """A bad line ended a strict request."""

    status, code, title = 400, "strict-rejected", "A line was refused in strict mode"


class TruncatedBody(ClientError):
    """The body ended before its framing or its compression said so."""

    status, code, title = 400, "truncated-body", "The body ended early"


class InvalidEncoding(ClientError):
    """The body is not what its Content-Encoding says."""

    status, code, title = 400, "invalid-encoding", "The body cannot be decompressed"


class UnknownParameter(ClientError):
    """A query parameter is unknown, repeated or has a bad value."""

    status, code, title = 400, "unknown-parameter", "A query parameter is not known"


class TooManyDays(ClientError):
    """The readings of the body lie on more days than allowed."""

    status, code, title = 400, "too-many-days", "The readings lie on too many days"


class TooManyErrors(ClientError):
    """The body has more bad lines than allowed."""

    status, code, title = 400, "too-many-errors", "Too many records were refused"


class Unauthorized(ClientError):
    """No token, or a wrong one."""

    status, code, title = 401, "unauthorized", "A valid bearer token is needed"

    def __init__(self, detail: str, challenge: str = 'Bearer realm="ingest"') -> None:
        super().__init__(detail, {"www-authenticate": challenge})


class ForeignOrigin(ClientError):
    """A page of another site sent the request, or it names another host."""

    status, code, title = 403, "foreign-origin", "The request comes from another site"


class NotFound(ClientError):
    """No such path on this port."""

    status, code, title = 404, "not-found", "There is nothing at this path"


class MethodNotAllowed(ClientError):
    """The path exists, the method does not."""

    status, code, title = 405, "method-not-allowed", "The method is not allowed here"

    def __init__(self, detail: str, allow: str) -> None:
        super().__init__(detail, {"allow": allow})


class BodyTimeout(ClientError):
    """The body stalled, or came in below the minimum rate."""

    status, code, title, retryable = 408, "body-timeout", "The body did not arrive in time", True


class BodyTooLarge(ClientError):
    """The body is over its limit."""

    status, code, title = 413, "body-too-large", "The body is too large"


class TooManyRecords(ClientError):
    """The body has more records than allowed."""

    status, code, title = 413, "too-many-records", "The body has too many records"


class DecompressedTooLarge(ClientError):
    """The body is over its limit once decompressed."""

    status, code, title = 413, "decompressed-too-large", "The decompressed body is too large"


class UnsupportedMediaType(ClientError):
    """The Content-Type is not one of this route's."""

    status, code, title = 415, "unsupported-media-type", "The content type is not supported"


class UnsupportedEncoding(ClientError):
    """The Content-Encoding is not one we decode."""

    status, code, title = 415, "unsupported-encoding", "The content encoding is not supported"


class NothingAccepted(ClientError):
    """There were lines, and none of them was taken."""

    status, code, title = 422, "nothing-accepted", "No line of the body was accepted"


class RetryableError(ClientError):
    """A refusal that is temporary; always carries `Retry-After`.

    Args:
        detail: What happened, in one line.
        retry_after_s: Whole seconds after which trying again makes sense, >= 1.
    """

    retryable = True

    def __init__(self, detail: str, retry_after_s: int) -> None:
        super().__init__(detail, {"retry-after": str(retry_after_s)})


class Overloaded(RetryableError):
    """No room; nothing of the refused request was taken."""

    status, code, title = 429, "overloaded", "The service is at its limit"


class SinkUnavailable(RetryableError):
    """QuestDB cannot be reached, or did not take the rows in time."""

    status, code, title = 503, "sink-unavailable", "The database is not available"


class TableSuspended(RetryableError):
    """QuestDB has suspended the table: it would acknowledge rows that no query returns."""

    status, code, title = 503, "table-suspended", "The table is suspended in the database"


class SchemaMissing(RetryableError):
    """The table is missing, or lacks what the rows need."""

    status, code, title = 503, "schema-missing", "The table is missing or differs from the schema"


class Draining(RetryableError):
    """This process is stopping."""

    status, code, title = 503, "draining", "The service is stopping"


class InternalError(ClientError):
    """Our fault; the log has the rest under the request id."""

    status, code, title, retryable = 500, "internal-error", "Something went wrong here", True


class OperatorError(Exception):
    """Ends a command with one line for the person who runs it.

    Attributes:
        exit_code: 1 for trouble at run time, 2 for configuration and usage.
    """

    exit_code: ClassVar[int] = 1


class QuestDBUnavailable(OperatorError):
    """QuestDB cannot be reached or does not answer in time. The message never holds a password."""


class ConfigError(OperatorError):
    """The configuration cannot be used; lists every problem found, in file order.

    Attributes:
        problems: One line each, `path.to.key: what is wrong`. Never empty, never a secret.
    """

    exit_code = 2

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)
