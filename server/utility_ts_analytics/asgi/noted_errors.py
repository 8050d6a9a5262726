"""What is told of a request that did not go well: one line of the log, and one note for the status.

Both say which code, which line, which field; neither has a value of the body.
"""

from dataclasses import dataclass

import structlog

from utility_ts_analytics.clock import Clock
from utility_ts_analytics.errors import ClientError, InternalError
from utility_ts_analytics.reading.summary import ReadSummary
from utility_ts_analytics.telemetry.error_notes import ErrorNote
from utility_ts_analytics.telemetry.measures import Measures

_log = structlog.get_logger("ingest")


@dataclass(frozen=True, slots=True)
class AnsweredRequest:
    """A request that was answered.

    Attributes:
        stream: Its stream.
        id: As in the answer.
        accepted: Rows that reached the ack level.
        summary: What was read of it.
        token_name: Of the token that it came with, never the token.
    """

    stream: str
    id: str
    accepted: int
    summary: ReadSummary
    token_name: str | None = None

    def facts(self) -> dict[str, str]:
        """Return what every line of the log about it says: which, and whose."""
        facts = {"stream": self.stream, "request_id": self.id}
        return facts | ({"token_name": self.token_name} if self.token_name else {})


def report(
    request: AnsweredRequest, error: ClientError | None, measures: Measures, clock: Clock
) -> None:
    """Log and note a request that did not go well; nothing is done for one that did.

    The note is about the first bad row, or else about what ended the request; it is published with
    whatever is counted next, at the latest with the next beat.

    Args:
        request: Holds no error: that holds the frames it went through, and they the connection.
        error: What it was answered with, if that was a problem.
        measures: Where to note it.
        clock: For the time of the note.
    """
    summary = request.summary
    facts: dict[str, object] = {**request.facts(), "accepted": request.accepted}
    if summary.errors:
        first = summary.errors[0]
        note = ErrorNote(clock.wall_ns(), first.code, first.position, first.field or "")
        facts |= {
            "parse_errors": summary.parse_errors,
            "rejected": summary.rejected,
            "first_error": {"code": first.code, "position": first.position, "field": first.field},
        }
    elif error is not None:
        note = ErrorNote(clock.wall_ns(), error.code)
    else:
        return
    measures.errors.add(note)
    if error is None:
        _log.info("lines were refused", **facts)
    elif not isinstance(error, InternalError):  # that one is logged with its exception already
        status = {"status": error.status, "code": error.code, "detail": error.detail}
        _log.info("request refused", **facts, **status)
