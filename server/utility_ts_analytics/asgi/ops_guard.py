"""Keeps the operations port to its own hosts and those who have its token; probes need none."""

from collections.abc import Collection
from typing import Final

from utility_ts_analytics.asgi.app import refuse
from utility_ts_analytics.asgi.auth import BearerAuth
from utility_ts_analytics.asgi.origins import OwnHosts
from utility_ts_analytics.asgi.request import header
from utility_ts_analytics.asgi.types import AsgiApp, Receive, Scope, Send
from utility_ts_analytics.errors import ClientError

OPEN_PATHS: Final = frozenset({"/healthz", "/readyz"})
"""What load balancers and orchestrators ask, which seldom can send a header."""


class OpsGuard:
    """Lets requests through to the operations application if they carry its token.

    Args:
        app: Gets what is let through, and the lifespan.
        auth: Without tokens it lets everything through.
        allowed_hosts: Names under which it may be asked, beside its own; for probes too.
    """

    def __init__(self, app: AsgiApp, auth: BearerAuth, allowed_hosts: Collection[str] = ()) -> None:
        self._app = app
        self._auth = auth
        self._hosts = OwnHosts(allowed_hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection scope."""
        if scope["type"] == "http":
            try:
                self._judge(scope)
            except ClientError as error:
                await refuse(scope, receive, send, error)
                return
        await self._app(scope, receive, send)

    def _judge(self, scope: Scope) -> None:
        self._hosts.check(scope)
        if scope["path"] not in OPEN_PATHS:
            scripted = header(scope, b"x-requested-with") is not None
            self._auth.holder_or_raise(header(scope, b"authorization"), scripted=scripted)
