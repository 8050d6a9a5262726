"""A small process between the service and the JVM, so that the JVM ends with the service.

Started by file path in an isolated interpreter, so it imports the standard library only.
Asking for the parent's id again and again works where a parent-death signal alone does not: that
signal follows the *thread* that started the child, and exists on Linux only. The guard uses it for
its own child, so that the JVM goes with a guard that is killed.

    python -I -S jvm_guard.py PARENT_PID STOP_TIMEOUT_S LOCK_FD COMMAND...

Writes the JVM's process id as one line to stdout; the JVM's own output goes to the guard's stderr.
SIGTERM stops the JVM: SIGTERM to it, and SIGKILL after STOP_TIMEOUT_S. LOCK_FD stays open in the
JVM, so the lock on the data directory lasts exactly as long as someone may write there.
Exits with the JVM's exit code, 128 + n if it died of signal n.
"""

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable

PARENT_POLL_S = 0.25
_PR_SET_PDEATHSIG = 1


def main(argv: list[str]) -> int:
    """Run COMMAND until it ends, SIGTERM comes, or the parent is gone; return the exit code."""
    parent_pid, stop_timeout_s, lock_fd = int(argv[0]), float(argv[1]), int(argv[2])
    signals = _watch_signals()
    jvm = subprocess.Popen(  # noqa: S603 - the command is our parent's
        argv[3:],
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr.fileno(),
        pass_fds=(lock_fd,),
        preexec_fn=_die_with_guard(),
    )
    # A parent that is already gone is noticed below.
    with contextlib.suppress(BrokenPipeError):
        os.write(sys.stdout.fileno(), f"{jvm.pid}\n".encode())
    kill_at_s: float | None = None
    while jvm.poll() is None:
        received = _wait_for_signal(signals)
        if kill_at_s is None:
            if signal.SIGTERM in received or os.getppid() != parent_pid:
                jvm.terminate()
                kill_at_s = time.monotonic() + stop_timeout_s
        elif time.monotonic() >= kill_at_s:
            jvm.kill()
    code = jvm.wait()
    return code if code >= 0 else 128 - code


def _watch_signals() -> int:
    """Let SIGTERM and SIGCHLD only write their number into a pipe; return its read end."""
    read_end, write_end = os.pipe()
    os.set_blocking(read_end, False)
    os.set_blocking(write_end, False)
    signal.set_wakeup_fd(write_end)
    for number in (signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    # Ctrl-C and a closing terminal are for the parent, which then says what is to happen.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    return read_end


def _wait_for_signal(read_end: int) -> bytes:
    """Return the numbers of the signals that came, or b"" after `PARENT_POLL_S`."""
    ready, _, _ = select.select([read_end], [], [], PARENT_POLL_S)
    return os.read(read_end, 64) if ready else b""


def _die_with_guard() -> Callable[[], None] | None:
    """Return what the child runs before it becomes the JVM; None where there is no prctl."""
    if not sys.platform.startswith("linux"):
        return None
    # Loaded here: between fork and exec nothing may be imported or allocated more than needed.
    prctl = ctypes.CDLL(None).prctl
    guard_pid = os.getpid()

    def die_with_guard() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != guard_pid:
            os._exit(1)

    return die_with_guard


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
