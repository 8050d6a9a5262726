"""Shards are compared with the topics of the streams, and of their dead letters."""

from utility_ts_analytics.config import Config, parse_config
from utility_ts_analytics.consume.shard_map import all_topics, shard_problems

SHARDS = parse_config(
    {
        "questdb": {
            "shards": [
                {
                    "name": name,
                    "partitions": partitions,
                    "uri": "postgresql://u:p@h:8812/qdb",
                    "ilp_http_addr": f"{name}:9000",
                }
                for name, partitions in (("a", "0-3"), ("b", "4-7"))
            ]
        }
    },
    {},
)
FITTING = {"meter_usage": 8, "generation_output": 2, "meter_usage.dead-letters": 8}


def test_topics_that_fit_have_no_problem() -> None:
    assert shard_problems(SHARDS, FITTING) == []
    assert shard_problems(SHARDS, {}) == []  # they do not exist yet
    assert set(all_topics(SHARDS)) == {*FITTING, "generation_output.dead-letters"}


def test_without_shards_nothing_is_compared() -> None:
    assert shard_problems(Config(), {"meter_usage": 99}) == []


def test_what_does_not_fit_is_named() -> None:
    [line] = shard_problems(SHARDS, {**FITTING, "generation_output": 9})
    assert "the topic generation_output has 9 partitions, and no shard has 8" in line
    [line] = shard_problems(SHARDS, {"meter_usage": 6})
    assert "shard b has partitions 6-7" in line
    [line] = shard_problems(SHARDS, {**FITTING, "meter_usage.dead-letters": 1})
    assert "meter_usage.dead-letters has 1 partitions and needs 8" in line
