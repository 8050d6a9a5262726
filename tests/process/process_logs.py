"""What a running service logged, as facts."""

import json
from collections.abc import Mapping

from tests.process.running_service import RunningService
from tests.process.stored_tables import until

LOGGED_TIMEOUT_S = 40.0

Event = Mapping[str, object]


def logged(service: RunningService, event: str) -> list[Event]:
    """Return every line of this event so far, in order. What others print is passed over."""
    # The last line may be written just now.
    lines = service.output().split("\n")[:-1]
    facts: list[Event] = [json.loads(line) for line in lines if line.startswith("{")]
    return [fact for fact in facts if fact["event"] == event]


def wait_logged(service: RunningService, event: str, count: int = 1) -> list[Event]:
    """Return the lines of this event once there are at least `count`."""
    until(
        lambda: len(logged(service, event)) >= count,
        f"{event!r} is logged {count} times",
        timeout_s=LOGGED_TIMEOUT_S,
    )
    return logged(service, event)
