"""The three files that a command is started with: closed, full, or without a reader.

Standard error never costs a command more than its lines. Standard output has its results: a command
that cannot write them fails, without a traceback, and in silence if nobody reads any more, as other
programs do that SIGPIPE ends. SIGPIPE itself stays off: it would also end who writes to a socket.
"""

import errno
import io
import os
import sys
from typing import TYPE_CHECKING, Final

from utility_ts_analytics.telemetry.log_stream import STDERR_FD, log_stream

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

STDOUT_FD: Final = 1


def prepare_standard_files() -> None:
    """Open what was closed at the start, and have standard error never raise.

    Python leaves `sys.stderr` out if it is closed; its number would go to the next socket.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115, PTH123 - as long as we live
    stdout, stderr = sys.__stdout__, sys.__stderr__
    # Not where somebody, as a test, has put their own there.
    if stderr is not None and sys.stderr is stderr:
        sys.stderr = log_stream(STDERR_FD, is_terminal=stderr.isatty())
    if stdout is not None and sys.stdout is stdout:
        sys.stdout = io.TextIOWrapper(
            io.BufferedWriter(_Stdout()),
            encoding=stdout.encoding,
            errors=stdout.errors,
            line_buffering=stdout.line_buffering,
        )


def stdout_failed() -> bool:
    """Tell whether standard output could not be written; after that all goes to nowhere.

    Standard error has the cause, unless that is a reader who has gone.
    """
    error = _Stdout.error
    if error is None:
        return False
    if error.errno != errno.EPIPE:
        sys.stderr.write(
            f"ingestion-service: cannot write standard output: {os.strerror(error.errno or 0)}\n"
        )
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, STDOUT_FD)
    os.close(null)
    sys.stdout.flush()
    return True


class _Stdout(io.FileIO):
    """Standard output; notes what went wrong, to be told from trouble with other files."""

    error: OSError | None = None

    def __init__(self) -> None:
        super().__init__(STDOUT_FD, "wb", closefd=False)

    def write(self, content: "ReadableBuffer", /) -> int:
        """Write a part, as any file."""
        try:
            return super().write(content)
        except OSError as error:
            _Stdout.error = error
            raise
