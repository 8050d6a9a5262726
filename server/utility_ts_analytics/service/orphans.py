"""No process outlives the one that started it, also when that one is killed with SIGKILL."""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def stop_with_parent(parent_pid: int, stop_signal: signal.Signals = signal.SIGTERM) -> None:
    """Have the kernel send `stop_signal` to this process when its parent dies.

    Linux only; elsewhere this does nothing, and whoever kills the supervisor kills its children.

    Args:
        parent_pid: Who the parent should be; if it is gone already, the signal is sent at once.
        stop_signal: What to send.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, stop_signal)
    if os.getppid() != parent_pid:
        os.kill(os.getpid(), stop_signal)
