"""Requests to the service from the same machine, for the commands `status` and `dev`."""

import http.client
import json
from collections.abc import Mapping
from http import HTTPStatus

from utility_ts_analytics.config import BindAddress, MetricsConfig, TlsFiles
from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.service.listeners.tls import trusting_context

_STATUS_TIMEOUT_S = 5.0
_STATUS_MEMBERS = frozenset({"version", "ready", "streams", "questdb", "errors"})
"""What another server at the port, or another version of the service, would not have."""


def fetch_status(metrics: MetricsConfig) -> dict[str, object]:
    """Return the document `/status.json` of the service that runs with this configuration.

    Raises:
        OperatorError: No answer, or an answer of another program.
    """
    token = metrics.auth_bearer_token
    headers = {} if token is None else {"Authorization": f"Bearer {token.reveal()}"}
    where = metrics.bind_address
    try:
        status, body = ask_listener(
            where,
            "GET",
            "/status.json",
            tls=metrics.tls,
            timeout_s=_STATUS_TIMEOUT_S,
            headers=headers,
        )
        facts = json.loads(body) if status == HTTPStatus.OK else None
    except (OSError, http.client.HTTPException, ValueError, RecursionError) as error:
        raise OperatorError(
            f"cannot read the service's status at {where}: {error}; is it running?"
        ) from error
    if not isinstance(facts, dict) or not _STATUS_MEMBERS.issubset(facts):
        raise OperatorError(
            f"cannot read the service's status at {where}: it answers {status};"
            " does it run with this configuration?"
        )
    return facts


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
        OSError: No answer, or an answer of another program.
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
