"""Logs: one line per event on standard error, JSON for machines, readable on a terminal.

One line for each request that did not go well, none for those that did; of one kind only the first
ones, then their number (`log_throttle`). Never a payload, a token or a whole line of a body: what
is logged is stream, position, reason; of an exception where it was, not what it said (`faults`).
"""

import logging
import sys
from typing import Literal

import structlog

from utility_ts_analytics.clock import Clock, SystemClock
from utility_ts_analytics.telemetry.faults import format_fault
from utility_ts_analytics.telemetry.log_throttle import LogThrottle

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
