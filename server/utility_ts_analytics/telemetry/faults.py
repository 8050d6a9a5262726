"""How an exception is logged: where it happened and of which type, not what it says.

What an exception says may hold a value of a record ("could not convert string to float: ..."). Only
errors of the operating system are quoted: they name files and peers, never content.
"""

import sys
import traceback

import structlog

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
