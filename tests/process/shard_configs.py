"""Configurations of several QuestDBs."""

from collections.abc import Mapping
from pathlib import Path

from tests.process.log_topics import LogTopics
from tests.process.own_questdb import OwnQuestDB
from tests.process.running_service import Section, ServicePorts, free_ports, write_config


def shards(databases: Mapping[str, OwnQuestDB], ranges: Mapping[str, object]) -> Section:
    """Return the section `[questdb]` with these shards."""
    return {
        "shards": [
            {
                "name": name,
                "partitions": partitions,
                "uri": databases[name].addresses.pg_uri,
                "ilp_http_addr": f"127.0.0.1:{databases[name].addresses.http_port}",
            }
            for name, partitions in ranges.items()
        ]
    }


def config_of(
    place: Path, databases: Mapping[str, OwnQuestDB], topics: LogTopics, ranges: Section
) -> Path:
    """Write a configuration with these shards."""
    settings = {"kafka": topics.settings(), "questdb": shards(databases, ranges)}
    place.mkdir(exist_ok=True)
    ports = ServicePorts(*free_ports(3))
    return write_config(place / "config.toml", databases["north"].addresses, ports, settings)
