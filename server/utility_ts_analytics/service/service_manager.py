"""Notifies a service manager: systemd's notify protocol, over one datagram socket.

A systemd unit of `Type=notify` sets `$NOTIFY_SOCKET`. It is told when every worker serves, when a
reload begins and ends, when the stop begins, and, with `WatchdogSec`, that the supervisor's loop is
running. Without the variable nothing is sent.

The protocol: sd_notify(3) and sd_watchdog_enabled(3), "Standalone Implementations".
"""

import os
import socket
from collections.abc import Mapping

import structlog

from utility_ts_analytics.clock import Clock

_log = structlog.get_logger("supervisor")


class ServiceManager:
    """The supervisor's connection to its service manager.

    A service manager that cannot be reached is logged once and never stops the service.

    Args:
        environ: Has `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`, or not.
        clock: For the time between two messages to the watchdog.
    """

    def __init__(self, environ: Mapping[str, str], clock: Clock) -> None:
        self._clock = clock
        self._socket: socket.socket | None = _connected(environ.get("NOTIFY_SOCKET", ""))
        self._watchdog_s = _watchdog_s(environ)
        self._next_beat_s = 0.0
        self._ready = False
        self._reloading = False
        self._failed = False

    def look(self, *, serving: bool, reloading: bool) -> None:
        """Report changes since the last call, and feed the watchdog.

        Args:
            serving: Whether every worker of every server takes connections. Only the first time
                counts: a worker that is being replaced does not make the service unready.
            reloading: Whether a reload was requested or is under way.
        """
        if not self._ready:
            if serving:
                self._ready = True
                self._send("READY=1\nSTATUS=Serving.")
        elif reloading and not self._reloading:
            self._reloading = True
            now_us = int(self._clock.monotonic_s() * 1e6)
            self._send(f"RELOADING=1\nMONOTONIC_USEC={now_us}\nSTATUS=Reloading.")
        elif self._reloading and not reloading:
            self._reloading = False
            self._send("READY=1\nSTATUS=Serving.")
        self.beat()

    def beat(self) -> None:
        """Feed the watchdog, if half of its time has passed."""
        now_s = self._clock.monotonic_s()
        if self._watchdog_s and now_s >= self._next_beat_s:
            self._next_beat_s = now_s + self._watchdog_s / 2
            self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """Report that the stop has begun; call `beat` until it is over."""
        self._send("STOPPING=1\nSTATUS=Draining.")

    def close(self) -> None:
        """Close the socket; nothing is sent any more."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, message: str) -> None:
        if self._socket is None:
            return
        try:
            self._socket.send(message.encode())
        except OSError as error:  # a full or closed socket: the next message may get through
            if not self._failed:
                _log.warning("cannot tell the service manager", error=str(error))
            self._failed = True


def _connected(address: str) -> socket.socket | None:
    """Return a socket to `address`: a path, or `@name` for Linux's abstract names."""
    if not address:
        return None
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.setblocking(False)  # a service manager that does not read must not stop the supervisor
    try:
        notify.connect(f"\0{address[1:]}" if address.startswith("@") else address)
    except OSError as error:
        notify.close()
        _log.warning("cannot reach the service manager", address=address, error=str(error))
        return None
    return notify


def _watchdog_s(environ: Mapping[str, str]) -> float:
    """Return the watchdog's timeout, seconds; 0 without a watchdog for this process."""
    try:
        time_us = int(environ.get("WATCHDOG_USEC", "0"))
        pid = int(environ.get("WATCHDOG_PID", os.getpid()))
    except ValueError:
        return 0.0
    return max(0.0, time_us / 1e6) if pid == os.getpid() else 0.0
