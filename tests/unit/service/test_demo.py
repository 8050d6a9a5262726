"""The embedded QuestDB of `dev` takes the ports of the configuration."""

import pytest

from utility_ts_analytics.config import parse_config
from utility_ts_analytics.database.embedded_questdb.server_settings import Ports
from utility_ts_analytics.service.demo import ports_of


@pytest.mark.parametrize(
    ("questdb", "ports"),
    [
        ({}, Ports()),
        (
            {
                "uri": "postgresql://admin:quest@questdb:5001/qdb",
                "ilp_http_addr": "https://questdb:5002",
                "ilp_tcp_addr": "questdb:5003",
            },
            Ports(http=5002, pg=5001, ilp=5003),
        ),
        ({"uri": "postgresql://questdb/qdb"}, Ports()),
        ({"ilp_http_addr": "questdb:9003"}, None),
    ],
)
def test_ports_are_those_of_the_configuration_unless_two_are_equal(
    questdb: dict[str, object], ports: Ports | None
) -> None:
    assert ports_of(parse_config({"questdb": questdb}, {}).questdb) == ports
