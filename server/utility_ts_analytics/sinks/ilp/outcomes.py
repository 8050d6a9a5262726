"""What QuestDB's answer to an ILP request means: did rows reach the table, may they be sent again?

Texts as QuestDB 9.3.4 writes them; `tests/contract/test_ilp_outcomes.py` provokes each on a real
server.
"""

import json
import re

from utility_ts_analytics.sinks.contract import Delivered, InDoubt, Outcome, Rejected, RetryLater
from utility_ts_analytics.sinks.ilp.http_exchange import Answer

_SCHEMA = ("table does not exist", "does not exist, creating new columns is disabled")
_CAST = re.compile(r"cast error from protocol type: \w+ to column type: (?P<column_type>\w+)")
_REASON_CHARACTERS_MAX = 300


def outcome_of(answer: Answer) -> Outcome:
    """Classify an answer of `/write`.

    One whose kind cannot be told, such as a 5xx with a text of its own, is `InDoubt`.
    """
    if answer.status in (200, 204):
        return Delivered()
    text = answer.content or f"status {answer.status}"
    if answer.status in (401, 403):
        reason = f"cannot write to QuestDB: {_short(text)}; check http.user in QuestDB"
        return RetryLater(f"{reason} and questdb.ilp_http_addr here")
    if answer.status in (404, 405):
        reason = "cannot write to QuestDB: it has no ILP endpoint at this address"
        return RetryLater(f"{reason}; check questdb.ilp_http_addr and line.http.enabled")
    return _answer_of(text)


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
    return None, text, None


def _after_heading(message: str) -> str:
    return message.removeprefix("failed to parse line protocol:errors encountered on line(s):")


def _short(message: str) -> str:
    """One line, without the value that QuestDB quotes from the row."""
    message = re.sub(r"value: .*", "value: (left out)", message, flags=re.DOTALL)
    return " ".join(message.split())[:_REASON_CHARACTERS_MAX]
