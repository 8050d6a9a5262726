"""Which requests come from a page of another site, which a browser sends without its user's will.

A page may have a browser post to any address, this machine's included, and it may have the name of
its own site lead to this machine (DNS rebinding). Neither can choose the headers that say so:
`Origin` and `Host`.
"""

import ipaddress
import socket
from collections.abc import Collection
from collections.abc import Set as AbstractSet
from typing import Final

from utility_ts_analytics.asgi.request import header
from utility_ts_analytics.asgi.types import Scope
from utility_ts_analytics.config.web_names import ANY_HOST
from utility_ts_analytics.errors import ForeignOrigin

_FOREIGN_SITES: Final = frozenset({b"cross-site", b"same-site"})


def check_origin(scope: Scope, allowed: Collection[str]) -> None:
    """Let through what no page sent, or a page of an origin that is allowed.

    Programs send no `Origin`. One that equals the host that was asked is no proof: under DNS
    rebinding it does.

    Raises:
        ForeignOrigin: It is from a page of another origin.
    """
    origin = header(scope, b"origin")
    if origin is None:
        # Browsers that leave the origin out say at least this.
        foreign = header(scope, b"sec-fetch-site") in _FOREIGN_SITES
    else:
        foreign = origin.decode("latin-1").lower() not in allowed
    if foreign:
        raise ForeignOrigin("pages of this origin may not post here (allowed_origins)")


class OwnHosts:
    """The names under which the operations port may be asked.

    Its own are: every IP address (a page needs a name to lead elsewhere), localhost, and the
    machine's host name.

    Args:
        allowed: Further names, lower case; `*` is every name.
    """

    def __init__(self, allowed: Collection[str]) -> None:
        self._names: AbstractSet[str] = {"localhost", socket.gethostname().lower(), *allowed}

    def check(self, scope: Scope) -> None:
        """Let through what was asked of this host, by no page of another.

        Raises:
            ForeignOrigin: Another host was asked for, or a page of another origin asks.
        """
        host = (header(scope, b"host") or b"localhost").decode("latin-1").lower()
        if not self._is_own(_without_port(host)):
            raise ForeignOrigin("this port answers only to its own hosts (metrics.allowed_hosts)")
        origin = header(scope, b"origin")
        if origin is not None and origin.decode("latin-1").lower().partition("://")[2] != host:
            raise ForeignOrigin("pages of another origin may not ask this port")

    def _is_own(self, name: str) -> bool:
        if name in self._names or ANY_HOST in self._names:
            return True
        try:
            ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return False
        return True


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and (port.isdigit() or not port) and not name.endswith(":") else host
