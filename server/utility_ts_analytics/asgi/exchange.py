"""One ingest request: its state, its answer, and what the log says of it."""

from collections.abc import Mapping
from typing import Final

import structlog

from utility_ts_analytics.asgi.advice import advised, first_advice
from utility_ts_analytics.asgi.body import RequestBody
from utility_ts_analytics.asgi.protocol import Send
from utility_ts_analytics.asgi.request import RequestHead
from utility_ts_analytics.asgi.responses import (
    Json,
    new_request_id,
    send_json,
    send_problem,
    status_of,
)
from utility_ts_analytics.asgi.settings import IngestSettings
from utility_ts_analytics.buffering.block import Failure, FailureCode, Settlement
from utility_ts_analytics.buffering.intake import IntakeSession
from utility_ts_analytics.clock import Clock
from utility_ts_analytics.errors import (
    ClientError,
    Draining,
    InternalError,
    InvalidEncoding,
    InvalidJson,
    NothingAccepted,
    RetryableError,
    SchemaMissing,
    SinkUnavailable,
    StrictRejected,
    TableSuspended,
    TooManyErrors,
)
from utility_ts_analytics.reading.summary import ReadSummary
from utility_ts_analytics.telemetry.error_notes import ErrorNote
from utility_ts_analytics.telemetry.measures import Measures

_log = structlog.get_logger("ingest")

_ERRORS: Final[Mapping[FailureCode, type[RetryableError]]] = {
    "sink-unavailable": SinkUnavailable,
    "table-suspended": TableSuspended,
    "schema-missing": SchemaMissing,
    "draining": Draining,
}


class Exchange:
    """One request from its head to its answer. Used by one task.

    Attributes:
        head: The judged head; not set before it is judged.
        body: The body.
        session: Where the rows go, once the request is admitted.
        summary: What was read of the body.
        error: What ended the request, if it did not end well.
        accepted: Rows that reached the ack level; known once the request is answered.
        validate_only: Whether nothing is stored.
        request_id: Made here; the id that a client may send is ignored.
        token_name: Holder of the request's token, once known.
        holder: Who shares places and memory with this request (`request.holder_of`).
    """

    head: RequestHead

    def __init__(
        self, settings: IngestSettings, measures: Measures, body: RequestBody, *, ndjson: bool
    ) -> None:
        self.body = body
        self.session: IntakeSession | None = None
        self.summary = ReadSummary()
        self.error: ClientError | None = None
        self.accepted = 0
        self.validate_only = False
        self.request_id = new_request_id()
        self.token_name: str | None = None
        self.holder = ""
        self._settings = settings
        self._measures = measures
        self._ndjson = ndjson
        self._position_name = "line" if ndjson else "index"

    @property
    def storing_session(self) -> IntakeSession | None:
        """Where rows go; None for a request that only has them checked."""
        return None if self.validate_only else self.session

    def facts(self) -> dict[str, object]:
        """Return what every log line about the request says."""
        return request_facts(self._settings.stream, self.request_id, self.token_name)

    async def finish(self, send: Send, clock: Clock) -> None:
        """Answer, and report where there is something to report."""
        await self.send(send)
        if self.error is not None or self.summary.counts:
            self.report(clock)
        # The error's traceback holds the frames of this request, and these may hold the error: with
        # such a cycle the connection would stay open until the garbage collector runs
        # (test_connections_are_free).
        if self.error is not None:
            self.error.__traceback__ = self.error.__context__ = None
        self.error = None

    async def send(self, send: Send) -> None:
        """Answer with how the rows ended."""
        self.accepted = accepted = self._accepted_rows()
        if self.token_name is not None:  # published together with the answer (`app.StreamApp`)
            self._measures.tokens.add(self.token_name, 0 if self.validate_only else accepted)
        if self.session is not None:
            self.summary.add_errors(self.session.settlement.rejected)
        if self.error is None and accepted == 0 and self.summary.lines > 0:
            self.error = NothingAccepted("every line was refused; `errors` says why")
        self._advise()
        counts = self._counts()
        if self.error is None:
            ack = "validated" if self.validate_only else self._ack()
            document = {"accepted": accepted, **counts, "ack": ack, "request_id": self.request_id}
            await send_json(send, status_of(ack), document)
            return
        extra = {"ack": self._ack(), **counts} if self.session is not None else counts
        await send_problem(
            send, self.error, request_id=self.request_id, accepted=accepted, extra=extra
        )

    def report(self, clock: Clock) -> None:
        """Log and note a request with bad rows or an error; do nothing for any other.

        Neither the log nor the note has a value of the body. The note is about the first bad row,
        or else about the error; it is published with the next count, at the latest with the next
        beat.
        """
        error, summary = self.error, self.summary
        facts = self.facts() | {"accepted": self.accepted}
        if summary.errors:
            first = summary.errors[0]
            note = ErrorNote(clock.wall_ns(), first.code, first.position, first.field or "")
            facts |= {
                "parse_errors": summary.parse_errors,
                "rejected": summary.rejected,
                "first_error": {
                    "code": first.code,
                    "position": first.position,
                    "field": first.field,
                },
            }
        elif error is not None:
            note = ErrorNote(clock.wall_ns(), error.code)
        else:
            return
        self._measures.errors.add(note)
        if error is None:
            _log.info("lines were refused", **facts)
        elif not isinstance(error, InternalError):  # which is logged with its exception already
            status = {"status": error.status, "code": error.code, "detail": error.detail}
            _log.info("request refused", **facts, **status)

    def _ack(self) -> str:
        """Return the promise that holds for every accepted row."""
        spooled = self.session is not None and self.session.settlement.spooled_rows > 0
        return "spooled" if spooled and self._settings.ack != "enqueued" else self._settings.ack

    def _accepted_rows(self) -> int:
        if self.validate_only:
            return self.summary.valid_rows if self.error is None else 0
        if self.session is None:
            return 0
        settlement = self.session.settlement
        if self._settings.ack == "enqueued":
            return settlement.taken_rows - settlement.failed_rows - len(settlement.rejected)
        return settlement.stored_rows + settlement.spooled_rows

    def _advise(self) -> None:
        """Add advice to the problem, if any, where the body was clearly something else."""
        error, stream, ndjson = self.error, self._settings.stream, self._ndjson
        if isinstance(error, InvalidEncoding | InvalidJson | StrictRejected):
            error.detail = advised(error.detail, stream, ndjson=ndjson)
        elif isinstance(error, NothingAccepted | TooManyErrors):
            advice = first_advice(self.summary.errors, stream, ndjson=ndjson)
            if advice is not None:
                error.detail = f"{error.detail}; {advice}"

    def _counts(self) -> dict[str, Json]:
        errors: list[Json] = []
        for error in self.summary.errors:
            listed: dict[str, Json] = {self._position_name: error.position, "code": error.code}
            if error.field is not None:
                listed["field"] = error.field
            detail = advised(error.detail, self._settings.stream, ndjson=self._ndjson)
            errors.append({**listed, "detail": detail})
        return {
            "parse_errors": self.summary.parse_errors,
            "rejected": self.summary.rejected,
            "errors": errors,
            "errors_truncated": self.summary.errors_truncated,
        }


def request_facts(stream: str, request_id: str, token_name: str | None) -> dict[str, object]:
    """Return what every log line about a request says."""
    facts: dict[str, object] = {"stream": stream, "request_id": request_id}
    return facts | ({"token_name": token_name} if token_name else {})


def fault_of_ours(facts: Mapping[str, object]) -> InternalError:
    """Log the exception that is being handled; return the error that answers the request.

    Args:
        facts: `request_facts`.
    """
    _log.exception("request failed", **facts)
    return InternalError(f"the log has more under request id {facts['request_id']}")


async def until_settled(settlement: Settlement, within_s: float) -> None:
    """Return once every row of a request has ended.

    Raises:
        SinkUnavailable: That took longer than `within_s` seconds.
    """
    try:
        await settlement.settled(within_s=within_s)
    except TimeoutError:
        raise SinkUnavailable("the rows were not settled in time", 5) from None


def client_error(failure: Failure) -> ClientError:
    """Return the error that answers rows given back unstored."""
    return _ERRORS[failure.code](failure.detail, failure.retry_after_s)


def raise_if(failure: Failure | None) -> None:
    """Raise the matching `ClientError`, if there is a failure."""
    if failure is not None:
        raise client_error(failure)
