"""What an answer to an ILP request means: did rows reach the table, may they be sent again?

Texts as QuestDB 9.3.4 writes them; `tests/contract/test_ilp_outcomes.py` provokes each on a real
server.
"""

import json
import re

from utility_ts_analytics.sinks.contract import Delivered, InDoubt, Outcome, Rejected, RetryLater
from utility_ts_analytics.sinks.ilp.http_connection import Answer

_SCHEMA = ("table does not exist", "does not exist, creating new columns is disabled")
_CAST = re.compile(r"cast error from protocol type: \w+ to column type: (?P<column_type>\w+)")
_REASON_CHARACTERS_MAX = 300

_NO_ENDPOINT = frozenset({301, 302, 303, 307, 308, 404, 405})
"""Statuses that QuestDB never gives to `/write`: another server is at the address."""

_OTHER_SUCCESS = frozenset(range(200, 300))
"""Of another server, or of a proxy that answers itself: rows may have reached QuestDB."""

_COMMITTED = 204
"""What QuestDB 9.3.4 answers to rows it has committed, and to an empty body; it never says 200."""


def outcome_of(answer: Answer) -> Outcome:
    """Classify an answer of `/write`.

    One whose kind cannot be told, such as a 5xx with a text of its own, is `InDoubt`.
    """
    if answer.status == _COMMITTED:
        return Delivered()
    if answer.status in _OTHER_SUCCESS:
        reason = f"the server says {answer.status} to /write, which QuestDB never does"
        return InDoubt(f"{reason}; check questdb.ilp_http_addr and what stands before QuestDB")
    text = answer.content or f"status {answer.status}"
    if answer.status in (401, 403):
        reason = f"cannot write to QuestDB: {_short(text)}; check http.user in QuestDB"
        return RetryLater(f"{reason} and questdb.ilp_http_addr here")
    if answer.status in _NO_ENDPOINT:
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
    except (ValueError, RecursionError):  # the second one: nested deeper than Python's stack
        answer = None
    if not isinstance(answer, dict):
        return None, text, None
    code, message, line = (answer.get(name) for name in ("code", "message", "line"))
    return (
        code if isinstance(code, str) else None,
        _after_heading(message) if isinstance(message, str) else "",
        line if isinstance(line, int) else None,
    )


def _after_heading(message: str) -> str:
    return message.removeprefix("failed to parse line protocol:errors encountered on line(s):")


def _short(message: str) -> str:
    """One printable line, without the value that QuestDB quotes from the row."""
    message = re.sub(r"value: .*", "value: (left out)", message, flags=re.DOTALL)
    line = " ".join(message.split())[:_REASON_CHARACTERS_MAX]
    # A lone surrogate could be neither logged nor answered, and a terminal obeys what it prints.
    return "".join(character if character.isprintable() else "?" for character in line)
