"""Standard input, output and error that are closed, full, or without a reader.

Trouble with standard error loses log lines, nothing else. Standard output carries results: a
command that cannot write them fails without a traceback, and silently if the reader has gone, like
programs that SIGPIPE ends. SIGPIPE itself stays ignored: it would also end writers to sockets.
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
    """Open the files that are closed, and make standard error never raise.

    Python sets `sys.stderr` to None if it is closed; the next socket would get its number.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115, PTH123 - as long as we live
    stdout, stderr = sys.__stdout__, sys.__stderr__
    # Not if it was replaced, for example by a test.
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
    """Tell whether a write to standard output failed; if so, discard all further output.

    The cause is printed to standard error, unless the reader has gone.
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
    """Standard output that remembers its error, to tell it from errors of other files."""

    error: OSError | None = None

    def __init__(self) -> None:
        super().__init__(STDOUT_FD, "wb", closefd=False)

    def write(self, content: "ReadableBuffer", /) -> int:
        """Same contract as `io.FileIO.write`."""
        try:
            return super().write(content)
        except OSError as error:
            _Stdout.error = error
            raise
