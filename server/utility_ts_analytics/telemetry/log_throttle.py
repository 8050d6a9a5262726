"""Lines of one kind: the first ones, then how many more there were. For one process.

A kind is the event with the fields that come from closed sets, so that ten thousand refused
requests a minute are a few lines, and the one table that was suspended meanwhile is not lost among
them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import structlog

from utility_ts_analytics.clock import Clock

INTERVAL_S: Final = 10.0
LINES_MAX: Final = 10
"""Of one kind in one interval."""
FAULTS_MAX: Final = 100
"""As above, of lines with an exception: a 500 tells its client to look its request id up."""
KINDS_MAX: Final = 500
"""Beyond so many kinds in one interval all others count as one."""

_KIND_FIELDS: Final = ("event", "level", "stream", "server", "status", "code", "sink", "pid")
_OTHERS: Final = (("event", "lines of many other kinds"),)

Kind = tuple[tuple[str, object], ...]


@dataclass(slots=True)
class _Window:
    since_s: float
    lines: int = 0
    left_out: int = 0


class LogThrottle:
    """A structlog processor: drops what is too much, and counts it.

    Two threads that log at the same moment may miscount by one; nothing worse can happen.

    Args:
        clock: Time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._windows: dict[Kind, _Window] = {}

    def __call__(
        self, _logger: object, _method: str, line: structlog.typing.EventDict
    ) -> structlog.typing.EventDict:
        """Let a line through, or drop it.

        Raises:
            structlog.DropEvent: There were enough of its kind.
        """
        now_s = self._clock.monotonic_s()
        window = self._window(_kind(line), now_s)
        if now_s - window.since_s >= INTERVAL_S:
            if window.left_out:
                line["left_out"] = window.left_out
            window.since_s, window.lines, window.left_out = now_s, 0, 0
        window.lines += 1
        if window.lines > (FAULTS_MAX if line.get("exc_info") else LINES_MAX):
            window.left_out += 1
            raise structlog.DropEvent
        return line

    def take_left_out(self) -> Iterator[dict[str, object]]:
        """Yield what was left out of each kind whose interval is over; forget those kinds.

        Returns:
            The fields of the kind, its event as `of`, and `left_out`, a number of lines.
        """
        now_s = self._clock.monotonic_s()
        over = [k for k, window in self._windows.items() if now_s - window.since_s >= INTERVAL_S]
        for kind in over:
            window = self._windows.pop(kind)
            if window.left_out:
                fields = dict(kind)
                event = fields.pop("event")
                fields.pop("level", None)
                yield {**fields, "of": event, "left_out": window.left_out}

    def _window(self, kind: Kind, now_s: float) -> _Window:
        if kind not in self._windows and len(self._windows) >= KINDS_MAX:
            kind = _OTHERS
        return self._windows.setdefault(kind, _Window(now_s))


def _kind(line: structlog.typing.EventDict) -> Kind:
    # `str`: a field that cannot be hashed must not cost the line.
    return tuple((name, str(line[name])) for name in _KIND_FIELDS if name in line)
