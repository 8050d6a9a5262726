"""Each check says what it found and what to do, and what costs nothing is no failure."""

import asyncio
import socket
from typing import Protocol

import msgspec
import pytest

from utility_ts_analytics.config import Config, parse_config
from utility_ts_analytics.service.checks import run_checks


class Database(Protocol):
    """What these tests need of the `questdb` fixture."""

    @property
    def pg_uri(self) -> str: ...
    @property
    def http_addr(self) -> str: ...
    @property
    def ilp_tcp_addr(self) -> str: ...
    def query(self, sql: str) -> list[tuple[object, ...]]: ...


def config_for(questdb: Database, **meter_usage: object) -> Config:
    where = {"uri": questdb.pg_uri, "ilp_http_addr": questdb.http_addr}
    return parse_config(
        {"questdb": {**where, "ilp_tcp_addr": questdb.ilp_tcp_addr}, "meter_usage": meter_usage}, {}
    )


def failures(config: Config) -> list[str]:
    return [line.text for line in asyncio.run(run_checks(config)) if not line.ok]


@pytest.mark.questdb
def test_all_is_well_with_a_database_as_the_schema_says(questdb: Database) -> None:
    lines = asyncio.run(run_checks(config_for(questdb)))
    assert [line.text for line in lines if not line.ok] == []
    texts = "\n".join(line.text for line in lines)
    assert "the configuration is valid" in texts
    assert f"questdb.ilp_http_addr: {questdb.http_addr} takes connections" in texts
    assert "tables are as sql/schema says" in texts


@pytest.mark.questdb
def test_weaker_promises_are_said_and_are_no_failure(questdb: Database) -> None:
    sink = {"transport": "tcp", "ack": "enqueued"}
    lines = asyncio.run(run_checks(config_for(questdb, sink=sink)))
    said = [line.text for line in lines if line.text.startswith("meter_usage: ")]
    assert all(line.ok for line in lines)
    assert [text.split(":")[1].strip() for text in said] == [
        'ack = "enqueued"',
        'transport = "tcp"',
        "no bearer token",
    ]


@pytest.mark.questdb
def test_missing_table_is_a_failure_that_names_it(questdb: Database) -> None:
    [failure] = failures(config_for(questdb, name="checks_missing"))
    assert failure.startswith("checks_missing: the table is missing")


def test_every_address_that_does_not_answer_is_named() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))  # bound, so nobody else takes it; it never listens
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        config = parse_config({"questdb": {"ilp_http_addr": address}}, {})
        uri = f"postgresql://admin:hidden@{address}/qdb"
        config = parse_config({"questdb": {"ilp_http_addr": address, "uri": uri}}, {})
        found = failures(config)
    assert len(found) == 2
    assert found[0].startswith(f"questdb.ilp_http_addr: cannot connect to {address}")
    assert "check questdb.uri" in found[1]
    assert "hidden" not in msgspec.json.encode(found).decode()
