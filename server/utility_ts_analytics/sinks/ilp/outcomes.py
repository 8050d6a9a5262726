"""What a failed ILP send means: did rows reach the table, and may they be sent again?

The client gives an error code and a text, no HTTP status. Texts as QuestDB 9.3.4 and the client
6.0.0 write them; `tests/contract/test_ilp_outcomes.py` provokes each on a real server.
"""

import json
import re

from questdb import QuestDBError, QuestDBErrorCode

from utility_ts_analytics.sinks.contract import InDoubt, Outcome, Rejected, RetryLater

_NOT_CONNECTED = (
    "Connection refused",
    "failed to lookup address information",
    "Network is unreachable",
    "No route to host",
)
"""The connection was never made, so nothing left this machine."""

_SCHEMA = ("table does not exist", "does not exist, creating new columns is disabled")
_CAST = re.compile(r"cast error from protocol type: \w+ to column type: (?P<column_type>\w+)")
_TAGGED = re.compile(
    r"^(?P<message>.*) \[(?:id: [^,\]]*, )?code: (?P<code>[^,\]]*)(?:, line: (?P<line>\d+))?\]$",
    re.DOTALL,
)
_REASON_CHARACTERS_MAX = 300


def outcome_of(error: QuestDBError) -> Outcome:
    """Classify an error raised by a flush over HTTP.

    An answer whose kind cannot be told, such as a 5xx with a text of its own, is `InDoubt`.

    Raises:
        AssertionError: The client was used wrongly: our fault, not to pass for the server's.
    """
    if error.code == QuestDBErrorCode.InvalidApiCall:
        raise AssertionError("the ILP client was used wrongly") from error
    text = str(error).removeprefix("Could not flush buffer: ")
    if error.code in (QuestDBErrorCode.SocketError, QuestDBErrorCode.CouldNotResolveAddr):
        if any(sign in text for sign in _NOT_CONNECTED):
            return RetryLater(f"cannot reach QuestDB: {_short(text)}")
        return InDoubt(f"no answer from QuestDB: {_short(text)}")
    if error.code == QuestDBErrorCode.AuthError:
        reason = f"cannot write to QuestDB: {_short(text)}; check http.user in QuestDB"
        return RetryLater(f"{reason} and questdb.ilp_http_addr here")
    if error.code == QuestDBErrorCode.HttpNotSupported:
        reason = "cannot write to QuestDB: it has no ILP endpoint at this address"
        return RetryLater(f"{reason}; check questdb.ilp_http_addr and line.http.enabled")
    if error.code == QuestDBErrorCode.ServerFlushError:
        return _answer_of(text)
    return InDoubt(f"cannot tell what became of the rows: {_short(text)}")


def _answer_of(text: str) -> Outcome:
    """Classify the answer of a server that took the request and did not say 2xx."""
    code, message, line = _parse(text)
    if code == "request too large":
        return Rejected(None, f"the request is too large for QuestDB: {_short(message)}")
    if code != "invalid":
        return InDoubt(f"QuestDB failed: {_short(message)}")
    if any(sign in message for sign in _SCHEMA):
        return RetryLater(f"cannot write to the table: {_short(message)}", "schema-missing")
    cast = _CAST.search(message)
    if cast is not None and cast["column_type"] != "UUID":
        # Only the text of a UUID can be wrong; any other cast fails for every row alike.
        return RetryLater(f"a column has an unusable type: {_short(message)}", "schema-missing")
    return Rejected(None if line is None else line - 1, _short(message))


def _parse(text: str) -> tuple[str | None, str, int | None]:
    """Return the error code, the message and the line number, as far as the text has them."""
    try:
        answer = json.loads(text)
    except ValueError:
        answer = None
    if isinstance(answer, dict):
        code, line = answer.get("code"), answer.get("line")
        message = str(answer.get("message", ""))
        return str(code), _after_heading(message), line if isinstance(line, int) else None
    tagged = _TAGGED.match(text)
    if tagged is None:
        return None, text, None
    line_text = tagged["line"]
    message = _after_heading(tagged["message"])
    return tagged["code"], message, None if line_text is None else int(line_text)


def _after_heading(message: str) -> str:
    return message.removeprefix("failed to parse line protocol:errors encountered on line(s):")


def _short(message: str) -> str:
    """One line, without the value that QuestDB quotes from the row."""
    message = re.sub(r"value: .*", "value: (left out)", message, flags=re.DOTALL)
    return " ".join(message.split())[:_REASON_CHARACTERS_MAX]
