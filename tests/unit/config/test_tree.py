import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from utility_ts_analytics.config.load import parse_config
from utility_ts_analytics.config.model import Config
from utility_ts_analytics.config.problems import Problems
from utility_ts_analytics.config.tree import Leaf, leaves, overlay, redacted

LEAVES = list(leaves(Config()))
SECTIONS = sorted({leaf.keys[:depth] for leaf in LEAVES for depth in range(1, len(leaf.keys))})


def table_of(*places: tuple[tuple[str, ...], object]) -> dict[str, object]:
    """Return nested tables that hold each value under its keys."""
    tables: dict[str, object] = {}
    for keys, value in places:
        table = tables
        for key in keys[:-1]:
            inner = table.setdefault(key, {})
            assert isinstance(inner, dict)
            table = inner
        table[keys[-1]] = value
    return tables


def read(tables: dict[str, object]) -> tuple[Config, list[str]]:
    problems = Problems()
    return overlay(Config(), tables, problems), problems.lines


def test_empty_table_gives_the_defaults() -> None:
    assert read({}) == (Config(), [])
    assert read({"meter_usage": {"source": {}}, "server": {}}) == (Config(), [])


def test_a_value_takes_the_place_of_its_default_alone() -> None:
    config, problems = read(table_of((("generation_output", "source", "workers"), 3)))
    assert problems == []
    source = msgspec.structs.replace(Config().generation_output.source, workers=3)
    stream = msgspec.structs.replace(Config().generation_output, source=source)
    assert config == msgspec.structs.replace(Config(), generation_output=stream)


def test_leaves_are_every_key_once_in_the_model_s_order() -> None:
    paths = [leaf.path for leaf in LEAVES]
    assert len(set(paths)) == len(paths)
    assert paths[0] == "questdb.uri"
    assert paths[-1] == "kafka.fields.generation_output.event_id"
    assert "meter_usage.sink.workers" in paths
    assert not any("lanes" in path for path in paths)


@pytest.mark.parametrize("leaf", LEAVES, ids=[leaf.path for leaf in LEAVES])
def test_a_wrong_value_anywhere_is_one_problem_with_its_path(leaf: Leaf) -> None:
    config, problems = read(table_of((leaf.keys, {"no": "table"})))
    assert len(problems) == 1
    assert problems[0].startswith(f"{leaf.path}: must be ")
    assert config == Config()


@pytest.mark.parametrize("keys", SECTIONS, ids=[".".join(keys) for keys in SECTIONS])
@pytest.mark.parametrize(
    ("value", "shown"), [(5, "5"), ("hush", "a text"), ([{}], "a list"), (False, "false")]
)
def test_a_value_in_place_of_a_table_is_one_problem(
    keys: tuple[str, ...], value: object, shown: str
) -> None:
    _, problems = read(table_of((keys, value)))
    assert problems == [f"{'.'.join(keys)}: must be a table, is {shown}"]


@pytest.mark.parametrize("keys", [(), *SECTIONS], ids=[".".join(keys) for keys in [(), *SECTIONS]])
def test_an_unknown_key_in_any_table_is_one_problem(keys: tuple[str, ...]) -> None:
    _, problems = read(table_of(((*keys, "qqq"), "hush")))
    assert problems == [f"{'.'.join([*keys, 'qqq'])}: is no known key"]


WRONG_PLACES = st.lists(
    st.one_of(
        st.sampled_from([leaf.keys for leaf in LEAVES]),
        st.sampled_from([(*keys, "qqq") for keys in SECTIONS]),
    ),
    min_size=1,
    max_size=10,
    unique=True,
)


@given(WRONG_PLACES)
def test_every_one_of_several_wrong_places_is_reported(places: list[tuple[str, ...]]) -> None:
    _, problems = read(table_of(*((keys, {}) for keys in places)))
    assert sorted(line.partition(": ")[0] for line in problems) == sorted(map(".".join, places))


def test_problems_come_in_the_order_of_the_tables() -> None:
    tables: dict[str, object] = {
        "server": {"log_level": "loud", "drain_timeout_s": 0},
        "zzz": 1,
        "questdb": {"max_connections": 0},
    }
    assert [line.partition(": ")[0] for line in read(tables)[1]] == [
        "server.log_level",
        "server.drain_timeout_s",
        "zzz",
        "questdb.max_connections",
    ]


@pytest.mark.parametrize(
    ("keys", "meant"),
    [
        (("metric",), "metrics"),
        (("meter-usage",), "meter_usage"),
        (("meter_usage", "source", "wrkers"), "workers"),
        (("meter_usage", "source", "http_bind_address"), "http_bind_addr"),
        (("generation_output", "batch_size"), "generation_output.sink.batch_size"),
        (("meter_usage", "source", "max_retries"), "meter_usage.sink.max_retries"),
        (("bind_addr",), "metrics.bind_addr"),
    ],
)
def test_the_key_that_was_meant_is_named(keys: tuple[str, ...], meant: str) -> None:
    _, problems = read(table_of((keys, 1)))
    assert problems == [f"{'.'.join(keys)}: is no known key; did you mean {meant}?"]


def test_a_key_of_another_section_altogether_is_not_suggested() -> None:
    _, problems = read(table_of((("metrics", "batch_size"), 1)))
    assert problems == ["metrics.batch_size: is no known key"]


@pytest.mark.parametrize("secret", ["s3cr3t-t0ken", "hunter22", "Zm9vYmFy+/=", "qqqqqqqqqqqqqqqq"])
@pytest.mark.parametrize("keys", [*SECTIONS, ()], ids=".".join)
def test_secret_that_stands_where_a_key_should_is_not_shown(
    keys: tuple[str, ...], secret: str
) -> None:
    """A line `"token" = true`, or `token` for the name of a table, is an easy mistake."""
    for value in (True, {"a": 1}):
        _, [problem] = read(table_of(((*keys, secret), value)))
        assert secret not in problem
        where = ".".join([*keys, f"(a key of {len(secret)} characters)"])
        assert problem == f"{where}: is no known key"


SECRETS: dict[str, object] = {
    "questdb": {
        "uri": "postgresql://admin:hush@db:8812/qdb",
        "ilp_user": "admin",
        "ilp_password": "hush",
    },
    "meter_usage": {
        "source": {
            "auth_bearer_tokens": ["hush1", "hush2"],
            "auth_named_tokens": ["a:hush4"],
        },
    },
    "metrics": {"auth_bearer_token": "hush5"},
    "generation_output": {"source": {"auth_bearer_token": "hush3"}},
}


def test_no_secret_is_left() -> None:
    config = parse_config(SECRETS, {})
    shown = redacted(config)
    assert "hush" not in json.dumps(shown)
    assert shown["questdb"] == {
        "uri": "postgresql://admin:***@db:8812/qdb",
        "max_connections": 10,
        "wal_lag_transactions_max": 1000,
        "ilp_http_addr": "127.0.0.1:9000",
        "ilp_tcp_addr": "127.0.0.1:9009",
        "ilp_user": "admin",
        "ilp_password": "***",
    }
    assert redacted(config.meter_usage.source)["auth_bearer_tokens"] == ["***", "***"]
    assert redacted(config.meter_usage.source)["auth_named_tokens"] == ["a:***"]
    assert redacted(config.generation_output.source)["auth_bearer_token"] == "***"  # noqa: S105 - the mask
    assert "hush" not in repr(config)


def test_every_key_that_is_set_is_there_under_its_toml_name() -> None:
    for leaf in leaves(Config()):
        shown: object = redacted(Config())
        for key in leaf.keys[:-1]:
            assert isinstance(shown, dict)
            shown = shown[key]
        assert isinstance(shown, dict)
        assert (leaf.keys[-1] in shown) == (leaf.value is not None)


def test_what_is_shown_can_be_read_again() -> None:
    assert parse_config(redacted(Config()), {}).meter_usage == Config().meter_usage
