"""Answers: the JSON of a 200 and the problem documents (RFC 9457) of everything else."""

import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from utility_ts_analytics.asgi.protocol import Send
from utility_ts_analytics.errors import ClientError

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]

SAFE_HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "server": "ingestion",  # instead of the HTTP server's own name
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
    }
)
"""Headers of every response: hide the server's name, forbid caching and guessing of types."""

_NOT_YET_IN_TABLE: Final = frozenset({"spooled", "replicated"})
"""Rows that nothing but time keeps from their table: status 202."""

_SAFE_PAIRS: Final = [(name.encode(), value.encode()) for name, value in SAFE_HEADERS.items()]
_JSON_TYPE: Final = (b"content-type", b"application/json")
_GOOD_ANSWER: Final = (
    b'{"accepted":%d,"parse_errors":0,"rejected":0,"errors":[],"errors_truncated":false,'
    b'"ack":"%b","request_id":"%b"}\n'
)

PROBLEM_MEDIA_TYPE = "application/problem+json"
_PROBLEM_TYPE = "urn:utility-ts-analytics:problem:"


_IDS_AT_ONCE: Final = 256
_ids: Final[list[str]] = []


def new_request_id() -> str:
    """Return 128 random bits as hexadecimal text.

    Many are drawn at once: `os.urandom` gives up the GIL, and to get it back from another thread
    takes longer than all else here.
    """
    if not _ids:
        drawn = os.urandom(16 * _IDS_AT_ONCE).hex()
        _ids.extend(drawn[at : at + 32] for at in range(0, len(drawn), 32))
    return _ids.pop()


os.register_at_fork(after_in_child=_ids.clear)


async def send_json(
    send: Send,
    status: int,
    document: Mapping[str, Json],
    *,
    headers: Mapping[str, str] | None = None,
    media_type: str = "application/json",
) -> None:
    """Send one complete response; the body ends with a newline, for people with curl.

    Args:
        send: ASGI's send.
        status: HTTP status code.
        document: The body. Its `request_id`, if any, becomes a header too, so that a proxy in front
            can log it.
        headers: Further headers, lower-case names.
        media_type: Media type of the body.
    """
    body = msgspec.json.encode(document) + b"\n"
    named = {"x-request-id": str(document["request_id"])} if "request_id" in document else {}
    await send_body(send, status, body, media_type=media_type, headers={**named, **(headers or {})})


def status_of(ack: str) -> int:
    """Return the status of an answer that promises `ack` for each accepted row."""
    return 202 if ack in _NOT_YET_IN_TABLE else 200


async def send_good_answer(send: Send, ack: str, accepted: int, request_id: str) -> None:
    """Send the answer to a request whose rows are all stored: what `send_json` would send.

    Args:
        send: ASGI's send.
        ack: What is promised for each row.
        accepted: How many they are.
        request_id: As in the log.
    """
    name = request_id.encode()
    body = _GOOD_ANSWER % (accepted, ack.encode(), name)
    length, id_header = (b"content-length", b"%d" % len(body)), (b"x-request-id", name)
    await send(
        {
            "type": "http.response.start",
            "status": status_of(ack),
            "headers": [_JSON_TYPE, length, *_SAFE_PAIRS, id_header],
        }
    )
    await send({"type": "http.response.body", "body": body})


async def send_body(
    send: Send,
    status: int,
    body: bytes,
    *,
    media_type: str,
    headers: Mapping[str, str] | None = None,
) -> None:
    """Send one complete response."""
    fields = {
        "content-type": media_type,
        "content-length": str(len(body)),
        **SAFE_HEADERS,
        **(headers or {}),
    }
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


async def send_problem(
    send: Send,
    error: ClientError,
    *,
    request_id: str,
    accepted: int = 0,
    extra: Mapping[str, Json] | None = None,
) -> None:
    """Send the problem document of `error`.

    Args:
        send: ASGI's send.
        error: Gives status, code, title, detail and headers.
        request_id: As in the log.
        accepted: Rows of this request that reached the ack level nevertheless.
        extra: Further members, such as the counts of lines read so far.
    """
    document = {
        **problem_document(error, request_id=request_id, accepted=accepted),
        **(extra or {}),
    }
    await send_json(
        send,
        error.status,
        document,
        headers=error.headers,
        media_type=PROBLEM_MEDIA_TYPE,
    )


def problem_document(error: ClientError, *, request_id: str, accepted: int = 0) -> dict[str, Json]:
    """Return the members that every problem has; arguments as for `send_problem`."""
    return {
        "type": _PROBLEM_TYPE + error.code,
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "code": error.code,
        "retryable": error.retryable,
        "accepted": accepted,
        "request_id": request_id,
    }
