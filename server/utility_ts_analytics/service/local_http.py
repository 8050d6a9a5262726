"""Asks the service itself, from the same machine: what `status` and the first day need."""

import http.client
from collections.abc import Mapping

from utility_ts_analytics.config import BindAddress, TlsFiles
from utility_ts_analytics.service.tls import trusting_context


def ask_listener(
    address: BindAddress,
    method: str,
    path: str,
    *,
    tls: TlsFiles | None,
    timeout_s: float,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[int, bytes]:
    """Send one request to a listener of this machine; return status and body.

    Args:
        address: Where it listens; on all addresses means 127.0.0.1.
        method: HTTP method.
        path: With the query, if any.
        tls: The files of the listener; its certificate is the one that is trusted.
        timeout_s: For each wait, seconds.
        body: To send.
        headers: To send.

    Raises:
        OSError: Nobody answers there, or somebody else.
        http.client.HTTPException: The answer is no HTTP.
    """
    host = "127.0.0.1" if address.is_wildcard else address.host
    connection: http.client.HTTPConnection
    if tls is None:
        connection = http.client.HTTPConnection(host, address.port, timeout=timeout_s)
    else:
        context = trusting_context(tls)
        connection = http.client.HTTPSConnection(
            host, address.port, timeout=timeout_s, context=context
        )
    try:
        connection.request(method, path, body, dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
