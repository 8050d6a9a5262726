"""`/healthz` on a stream's port, for load balancers and whatever else watches the port."""

from collections.abc import Awaitable

from utility_ts_analytics.asgi.responses import send_json
from utility_ts_analytics.asgi.types import AsgiApp, Receive, Scope, Send

PATH = "/healthz"


class AnsweringHealth:
    """Answers `PATH` itself, so that it is no request among the metrics; the rest is the app's.

    It says that this worker takes connections, not that readings are stored: that is `/readyz`.

    Args:
        app: The application of one stream's port.
    """

    def __init__(self, app: AsgiApp) -> None:
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one connection scope."""
        if scope["type"] == "http" and scope["path"] == PATH:
            return send_json(send, 200, {"status": "ok"})
        return self._app(scope, receive, send)
