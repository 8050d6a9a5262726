"""Logs: one line per event on standard error, JSON for machines, readable on a terminal.

A request that succeeds is not logged. Lines of one kind (the event with those of its fields that
come from closed sets) are throttled: the first ten in ten seconds, then their number, so that
thousands of refused requests do not hide the one table that was suspended meanwhile.

No line holds a payload, a token or a line of a body: only stream, position and reason. An exception
is logged with its type and place; its message may hold a value of a record ("could not convert
string to float: ..."). Only messages of the operating system are quoted.
"""

import logging
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

import structlog

from utility_ts_analytics.clock import Clock, SystemClock

THROTTLE_INTERVAL_S: Final = 10.0
THROTTLE_LINES_MAX: Final = 10
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
        if now_s - window.since_s >= THROTTLE_INTERVAL_S:
            if window.left_out:
                line["left_out"] = window.left_out
            window.since_s, window.lines, window.left_out = now_s, 0, 0
        window.lines += 1
        if window.lines > (FAULTS_MAX if line.get("exc_info") else THROTTLE_LINES_MAX):
            window.left_out += 1
            raise structlog.DropEvent
        return line

    def take_left_out(self) -> Iterator[dict[str, object]]:
        """Yield what was left out of each kind whose interval is over; forget those kinds.

        Returns:
            The fields of the kind, its event as `of`, and `left_out`, a number of lines.
        """
        now_s = self._clock.monotonic_s()
        over = [
            k
            for k, window in self._windows.items()
            if now_s - window.since_s >= THROTTLE_INTERVAL_S
        ]
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


_CAUSES_MAX = 5


def format_fault(
    _logger: object, _method: str, line: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Turn `exc_info` of a log line into `exception`: one text, newest call last. A processor."""
    exc_info = line.pop("exc_info", None)
    if not exc_info:
        return line
    error = exc_info if isinstance(exc_info, BaseException) else sys.exc_info()[1]
    if error is not None:
        line["exception"] = "\n".join(_told(error))
    return line


def _told(error: BaseException) -> list[str]:
    parts: list[str] = []
    current: BaseException | None = error
    while current is not None and len(parts) < _CAUSES_MAX:
        frames = "".join(traceback.format_tb(current.__traceback__))
        said = f": {current.strerror}" if isinstance(current, OSError) else ""
        parts.append(f"{frames}{type(current).__name__}{said}")
        current = current.__cause__ or (
            None if current.__suppress_context__ else current.__context__
        )
    return parts


LogFormat = Literal["auto", "json", "console"]
LogLevel = Literal["debug", "info", "warning", "error"]

_log = structlog.get_logger("logs")
_add_time = structlog.processors.TimeStamper(fmt="iso", utc=True)


class _Process:
    """What all lines of this process have in common; children inherit it by forking."""

    throttle = LogThrottle(SystemClock())
    fields: dict[str, str] = {}  # noqa: RUF012 - replaced as a whole
    renderer: structlog.typing.Processor = structlog.processors.JSONRenderer()


def configure_logs(*, level: LogLevel, log_format: LogFormat, clock: Clock | None = None) -> None:
    """Set up logging of this process; the children that it forks inherit it.

    Args:
        level: Lowest level that is written.
        log_format: `auto` is `console` on a terminal and `json` elsewhere.
        clock: For how many lines of a kind there were lately.
    """
    _Process.throttle = LogThrottle(clock or SystemClock())
    as_json = log_format == "json" or (log_format == "auto" and not sys.stderr.isatty())
    _Process.renderer = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            _add_process,
            _Process.throttle,
            _add_time,
            format_fault,
            _Process.renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        # Looked up for each line: a service puts a pipe of its own there (`log_relay`).
        logger_factory=lambda *_: structlog.WriteLogger(sys.stderr),
    )


def name_process(**fields: str) -> None:
    """Add fields to every line of this process that does not have them itself."""
    _Process.fields = fields


def report_left_out() -> None:
    """Say how many lines were left out lately; to be called about once a second."""
    for fields in _Process.throttle.take_left_out():
        _log.warning("lines were left out of the log", **fields)


def drop_notice(lines: int) -> bytes:
    """Return the line that says how many lines were not written: it goes past the level."""
    event = {"event": "lines of the log were dropped", "level": "warning", "dropped_lines": lines}
    text = _Process.renderer(None, "warning", _add_time(None, "warning", event))
    return f"{text!s}\n".encode()


def _add_process(
    _logger: object, _method: str, line: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    for name, value in _Process.fields.items():
        line.setdefault(name, value)
    return line
