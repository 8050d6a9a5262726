"""Lifespan: startup trouble stops the server, and shutdown trouble is reported."""

import asyncio
from typing import Any

import pytest

from utility_ts_analytics.asgi.app import run_lifespan


class Life:
    """A lifecycle that fails in one phase, or in none."""

    def __init__(self, failing: str) -> None:
        self.failing = failing

    async def startup(self) -> None:
        if self.failing == "startup":
            raise RuntimeError("no lanes")

    async def shutdown(self) -> None:
        if self.failing == "shutdown":
            raise RuntimeError("stuck")


@pytest.mark.parametrize(
    ("failing", "messages"),
    [
        ("", ["lifespan.startup.complete", "lifespan.shutdown.complete"]),
        ("startup", ["lifespan.startup.failed"]),
        ("shutdown", ["lifespan.startup.complete", "lifespan.shutdown.failed"]),
    ],
)
def test_each_phase_is_answered_and_trouble_is_told(failing: str, messages: list[str]) -> None:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "lifespan"}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(run_lifespan(receive, send, Life(failing)))
    assert [message["type"] for message in sent] == messages
    for message in sent:
        assert ("message" in message) == message["type"].endswith("failed")
