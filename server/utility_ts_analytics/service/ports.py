"""Refuses to start where somebody else listens.

Granian's workers bind with SO_REUSEPORT, so a second service on a port would start without an
error and silently take a share of the traffic. A guard socket without that option finds out.
"""

import socket
from dataclasses import dataclass

from utility_ts_analytics.errors import OperatorError


@dataclass(frozen=True, slots=True)
class Listener:
    """An address the service will listen on.

    Attributes:
        setting: The config key it comes from.
        host: IP literal.
        port: 1..65535.
    """

    setting: str
    host: str
    port: int


def claim_or_raise(listener: Listener) -> socket.socket:
    """Make sure that nobody listens there, and keep others like us from doing so.

    Returns:
        A bound socket that never listens. Keep it open as long as the service runs: a second
        instance then fails here, while our own workers, with SO_REUSEPORT, do not.

    Raises:
        OperatorError: The address is taken, or is not one of this machine's.
    """
    family = socket.AF_INET6 if ":" in listener.host else socket.AF_INET
    address = (listener.host, listener.port)
    try:
        with socket.socket(family) as probe:
            # Connections of the last run may still be in TIME_WAIT; they are no reason to refuse.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
        guard = socket.socket(family)
        guard.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        guard.bind(address)
    except OSError as error:
        raise OperatorError(
            f"cannot listen on {listener.host}:{listener.port}: {error.strerror};"
            f" stop what uses it or change {listener.setting}"
        ) from error
    return guard
