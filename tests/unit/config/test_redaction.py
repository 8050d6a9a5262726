import json

from utility_ts_analytics.config.load import parse_config
from utility_ts_analytics.config.model import Config
from utility_ts_analytics.config.redaction import redacted
from utility_ts_analytics.config.tree import leaves

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
