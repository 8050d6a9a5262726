"""Shards: what a configuration of several QuestDBs has to say, and what it says then."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from utility_ts_analytics.config import Config, parse_config, redacted
from utility_ts_analytics.config.shards import Partitions, ranges_text
from utility_ts_analytics.errors import ConfigError

NORTH = {
    "name": "north",
    "partitions": "0-5",
    "uri": "postgresql://u:hidden@n:8812/qdb",
    "ilp_http_addr": "n:9000",
}
SOUTH = {**NORTH, "name": "south-1", "partitions": [6, "7-11"], "ilp_http_addr": "https://s:9000"}


def parsed(*shards: Mapping[str, object], environ: Mapping[str, str] = {}) -> Config:
    return parse_config(
        {"questdb": {"ilp_user": "u", "ilp_password": "p", "shards": [*shards]}}, environ
    )


def problems_of(*shards: Mapping[str, object]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parsed(*shards)
    return list(caught.value.problems)


def test_without_shards_one_database_has_everything() -> None:
    assert dict(Config().databases) == {"": Config()}
    assert Config().questdb.shards.partitions_of("") is None
    assert "shards" not in str(redacted(Config()))


def test_each_shard_is_a_configuration_of_its_own() -> None:
    config = parsed(NORTH, SOUTH)
    assert list(config.databases) == ["north", "south-1"]
    south = config.databases["south-1"]
    assert str(south.questdb.ilp_http_addr) == "https://s:9000"
    assert (south.questdb.ilp_user, south.archive.shard) == ("u", "south-1")
    assert not south.questdb.shards
    assert config.questdb.shards.partitions_of("south-1") == frozenset(range(6, 12))
    assert config.questdb.shards.shard_of(5) == "north"


def test_shards_are_shown_without_passwords() -> None:
    shown = redacted(parsed(NORTH, SOUTH).questdb)["shards"]
    assert isinstance(shown, list)
    assert shown[1]["partitions"] == "6-11"
    assert "hidden" not in str(shown) + repr(parsed(NORTH, SOUTH))


def test_keys_of_a_shard_come_from_the_environment_by_its_name(tmp_path: Path) -> None:
    secret = tmp_path / "uri"
    secret.write_text("postgresql://u:other@s:1/qdb\n")
    environ = {
        "INGESTION__QUESTDB__SHARDS__SOUTH_1__URI_FILE": str(secret),
        "INGESTION__QUESTDB__SHARDS__NORTH__ILP_HTTP_ADDR": "n2:9000",
    }
    without_uri = {key: value for key, value in SOUTH.items() if key != "uri"}
    config = parsed(NORTH, without_uri, environ=environ)
    assert "other@s:1" in config.databases["south-1"].questdb.pgwire_uri
    assert config.databases["north"].questdb.ilp_http_addr.host == "n2"


@pytest.mark.parametrize(
    ("south", "problem"),
    [
        ({"partitions": "5-11"}, "questdb.shards[1].partitions: has 5, which shard north has"),
        ({"partitions": "8-11"}, "questdb.shards[0].partitions: no shard has 6-7 (shards: north, "),
        ({"name": "North"}, "questdb.shards[1].name: is the name of another shard too (north)"),
        ({"ilp_http_addr": "n:9000"}, "questdb.shards[1].ilp_http_addr: is the address of shard"),
        ({"partitions": "3-1"}, "questdb.shards[1].partitions: must be a range such as"),
        ({"partitions": "6,6"}, "questdb.shards[1].partitions: must be a range such as"),
        ({"partitions": "0-70000"}, "questdb.shards[1].partitions: must be a range such as"),
        ({"name": "a/b"}, "questdb.shards[1].name: must be up to 64 letters"),
        ({"ilp_user": "u"}, "questdb.shards[1].ilp_user: is no known key"),
    ],
)
def test_shards_that_do_not_go_together_are_named(
    south: Mapping[str, object], problem: str
) -> None:
    [found] = problems_of(NORTH, {**SOUTH, **south})
    assert found.startswith(problem)


def test_every_key_of_a_shard_is_needed() -> None:
    found = problems_of({"name": "north"})
    assert [line.partition(":")[0] for line in found] == [
        f"questdb.shards[0].{key}" for key in ("partitions", "uri", "ilp_http_addr")
    ]


def test_shards_are_an_array_of_tables() -> None:
    with pytest.raises(ConfigError, match="must be tables"):
        parse_config({"questdb": {"shards": {"name": "north"}}}, {})


def test_topic_must_have_the_partitions_of_the_shards() -> None:
    shards = parsed(NORTH, SOUTH).questdb.shards
    assert shards.misfits(12, "meters") == shards.misfits(3, "plants") == []
    [line] = shards.misfits(24, "meters")
    assert "the topic meters has 24 partitions, and no shard has 12-23 (north: 0-5" in line
    [line] = shards.beyond(8)
    assert "shard south-1 has partitions 8-11, and no topic has more than 8" in line
    assert shards.beyond(12) == []


def test_partitions_are_read_and_written_as_ranges() -> None:
    assert Partitions.parse("8, 0-2,4").numbers == (0, 1, 2, 4, 8)
    assert ranges_text((0, 1, 2, 4, 8)) == "0-2, 4, 8"
    assert str(Partitions.parse("3")) == "3"


def test_command_that_cannot_follow_shards_says_so() -> None:
    Config().refuse_shards("load")
    with pytest.raises(ConfigError, match="load works with one QuestDB only"):
        parsed(NORTH).refuse_shards("load")
