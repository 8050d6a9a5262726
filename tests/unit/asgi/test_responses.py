"""Answers carry their length, and problems all members of the contract."""

import asyncio
import json
from typing import Any

from utility_ts_analytics.asgi.responses import send_json, send_problem
from utility_ts_analytics.errors import Overloaded


def collect(make: Any) -> tuple[dict[str, str], int, bytes]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(make(send))
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return headers, sent[0]["status"], sent[1]["body"]


def test_a_json_answer_says_its_length() -> None:
    headers, status, body = collect(lambda send: send_json(send, 200, {"a": "ü"}))
    assert status == 200
    assert int(headers["content-length"]) == len(body)
    assert json.loads(body) == {"a": "ü"}


def test_a_problem_has_every_member_and_the_headers_of_its_error() -> None:
    error = Overloaded("full", 3)
    headers, status, body = collect(
        lambda send: send_problem(send, error, request_id="r", accepted=2, extra={"errors": []})
    )
    assert status == 429
    assert headers["content-type"] == "application/problem+json"
    assert headers["retry-after"] == "3"
    document = json.loads(body)
    assert document["type"].endswith("overloaded")
    assert document.keys() == {
        "type", "title", "status", "detail", "code", "retryable", "accepted", "request_id", "errors"
    }  # fmt: skip
    assert (document["retryable"], document["accepted"]) == (True, 2)


def test_every_answer_is_kept_by_nobody_and_gives_nothing_away() -> None:
    headers, _, _ = collect(lambda send: send_json(send, 200, {}))
    assert headers == {
        "content-type": "application/json",
        "content-length": "3",
        "server": "ingestion",
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
    }


def test_request_id_is_in_the_head_too() -> None:
    headers, _, body = collect(
        lambda send: send_problem(send, Overloaded("full", 3), request_id="r")
    )
    assert headers["x-request-id"] == json.loads(body)["request_id"] == "r"
