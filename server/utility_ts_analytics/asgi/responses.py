"""Answers: the JSON of a 200 and the problem documents (RFC 9457) of everything else."""

from collections.abc import Mapping

import msgspec

from utility_ts_analytics.asgi.types import Send
from utility_ts_analytics.errors import ClientError

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]

_PROBLEM_TYPE = "urn:utility-ts-analytics:problem:"


async def send_json(
    send: Send,
    status: int,
    document: Mapping[str, Json],
    *,
    headers: Mapping[str, str] | None = None,
    media_type: str = "application/json",
) -> None:
    """Send one complete response; the body ends with a newline, for people with curl."""
    body = msgspec.json.encode(document) + b"\n"
    await send_body(send, status, body, media_type=media_type, headers=headers)


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
        "cache-control": "no-store",
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
        error: Decides status, code, title, detail and headers.
        request_id: Repeated in the log.
        accepted: Rows of this request that reached the ack level all the same.
        extra: Further members, such as the counts of lines read so far.
    """
    document: dict[str, Json] = {
        "type": _PROBLEM_TYPE + error.code,
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "code": error.code,
        "retryable": error.retryable,
        "accepted": accepted,
        "request_id": request_id,
        **(extra or {}),
    }
    await send_json(
        send,
        error.status,
        document,
        headers=error.headers,
        media_type="application/problem+json",
    )
