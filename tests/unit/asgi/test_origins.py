"""Requests of other sites' pages, and under other names of this machine, are told from the rest."""

import socket
from typing import Any

import pytest

from utility_ts_analytics.asgi.auth import OwnHosts, check_origin
from utility_ts_analytics.errors import ForeignOrigin

OWN = "https://portal.example.com"


def scope(**headers: str) -> dict[str, Any]:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "headers": pairs}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"host": "evil.example"},
        {"origin": OWN},
        {"origin": OWN.upper()},
        {"origin": OWN, "sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "none"},
        {"sec_fetch_site": "same-origin"},
    ],
)
def test_programs_and_allowed_pages_may_post(headers: dict[str, str]) -> None:
    check_origin(scope(**headers), {OWN})


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "http://portal.example.com"},
        {"origin": f"{OWN}:8443"},
        {"origin": f"{OWN}.evil.example"},
        {"origin": "http://127.0.0.1:7001", "host": "127.0.0.1:7001"},
        {"origin": "http://evil.example:7001", "host": "evil.example:7001"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
    ],
)
def test_pages_of_other_origins_may_not(headers: dict[str, str]) -> None:
    with pytest.raises(ForeignOrigin, match="allowed_origins"):
        check_origin(scope(**headers), {OWN})


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1:9090", "10.2.3.4:9090", "10.2.3.4", "[::1]:9090", "[2001:db8::1]"),
        *("localhost", "localhost:9090", "LocalHost:9090", socket.gethostname() + ":9090"),
        *("ingestion:9090", "INGESTION", "ops.example.com"),
    ],
)
def test_own_hosts_are_addresses_this_machine_and_what_is_listed(host: str) -> None:
    hosts = OwnHosts(["ingestion", "ops.example.com"])
    hosts.check(scope(host=host))
    hosts.check(scope(host=host, origin=f"http://{host}"))
    hosts.check(scope())  # HTTP/1.0


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:9090", "localhost.evil.example", "127.0.0.1.evil.example"),
        *("evillocalhost", "[::1].evil.example", ":9090", "127.0.0.1:9090.evil.example", "0x7f.1"),
    ],
)
def test_other_hosts_are_not_answered_unless_every_name_is_allowed(host: str) -> None:
    with pytest.raises(ForeignOrigin, match="allowed_hosts"):
        OwnHosts([]).check(scope(host=host))
    OwnHosts(["*"]).check(scope(host=host))


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "", "http://127.0.0.1:7001"])
def test_pages_of_other_origins_are_not_answered_by_the_operations_port(origin: str) -> None:
    for hosts in (OwnHosts([]), OwnHosts(["*"])):
        with pytest.raises(ForeignOrigin, match="another origin"):
            hosts.check(scope(host="127.0.0.1:9090", origin=origin))
