import itertools
import tomllib

import pytest

from utility_ts_analytics.config.checks import conflicts
from utility_ts_analytics.config.load import parse_config
from utility_ts_analytics.config.model import Config
from utility_ts_analytics.config.problems import Problems
from utility_ts_analytics.config.tree import leaves, overlay
from utility_ts_analytics.errors import ConfigError

CONFLICTS = {
    "ack without acknowledgement": (
        'meter_usage.sink.transport = "tcp"',
        'meter_usage.sink.ack: cannot be "committed": ILP over TCP is not acknowledged; '
        'set ack = "enqueued" or transport = "http"',
    ),
    "batch over capacity": (
        "generation_output.source.channel_capacity = 24999",
        "generation_output.sink.batch_size: must be at most "
        "generation_output.source.channel_capacity (24999), is 25000",
    ),
    "lanes over capacity": (
        "meter_usage.source.channel_capacity = 3\nmeter_usage.sink.batch_size = 1\n"
        "meter_usage.sink.workers = 4",
        "meter_usage.sink.workers: must be at most meter_usage.source.channel_capacity (3), is 4",
    ),
    "no connection left for a refusal": (
        "meter_usage.source.max_connections = 128",
        "meter_usage.source.max_connections: must be over max_concurrent_requests (128), "
        "or nobody hears the 429, is 128",
    ),
    "line over buffer": (
        "meter_usage.source.channel_capacity_bytes = 1048575",
        "meter_usage.source.max_line_bytes: must be at most channel_capacity_bytes (1048575), "
        "is 1048576",
    ),
    "line over decompressed": (
        "meter_usage.source.max_decompressed_bytes = 1048575",
        "meter_usage.source.max_line_bytes: must be at most max_decompressed_bytes (1048575), "
        "is 1048576",
    ),
    "line over body": (
        "meter_usage.source.max_ndjson_body_bytes = 1048575",
        "meter_usage.source.max_line_bytes: must be at most max_ndjson_body_bytes (1048575), "
        "is 1048576",
    ),
    "token and tokens": (
        'meter_usage.source.auth_bearer_token = "hush"\n'
        'meter_usage.source.auth_bearer_tokens = ["hush"]',
        "meter_usage.source.auth_bearer_token: cannot stand beside auth_bearer_tokens: "
        "put every token into that list",
    ),
    "send longer than delivery": (
        "meter_usage.sink.delivery_timeout_ms = 9999",
        "meter_usage.sink.request_timeout_ms: must be at most delivery_timeout_ms (9999), "
        "which bounds every send of a batch together, is 10000",
    ),
    "one table for two streams": (
        'generation_output.name = "Meter_Usage"',
        "generation_output.name: is the table of meter_usage too (meter_usage): "
        "each stream needs its own",
    ),
    "one port for two streams": (
        'generation_output.source.http_bind_addr = "0.0.0.0:7001"',
        "generation_output.source.http_bind_addr: takes port 7001, "
        "which meter_usage.source.http_bind_addr takes already: change one",
    ),
    "one port for stream and metrics": (
        'metrics.bind_addr = "0.0.0.0:7002"',
        "metrics.bind_addr: takes port 7002, "
        "which generation_output.source.http_bind_addr takes already: change one",
    ),
    "user without password": (
        'questdb.ilp_user = "admin"',
        "questdb.ilp_user: needs ilp_password beside it: set both or none",
    ),
    "certificate without key": (
        'generation_output.source.tls_cert_file = "a"',
        "generation_output.source.tls_cert_file: needs tls_key_file beside it: set both or none",
    ),
    "key without certificate": (
        'metrics.tls_key_file = "a"',
        "metrics.tls_key_file: needs tls_cert_file beside it: set both or none",
    ),
    "clients' certificates without TLS": (
        'meter_usage.source.tls_client_ca_file = "a"',
        "meter_usage.source.tls_client_ca_file: needs tls_cert_file and tls_key_file beside it: "
        "without TLS no client can show a certificate",
    ),
    "one token with a name and without": (
        'meter_usage.source = {auth_bearer_token = "x", auth_named_tokens = ["a:y", "b:x"]}',
        "meter_usage.source.auth_named_tokens: holds a token that stands under another name too: "
        "give each holder its own",
    ),
    "two logins": (
        'questdb = {ilp_user = "a", ilp_password = "b", ilp_token = "c"}',
        "questdb.ilp_token: cannot stand beside ilp_user: a request carries one login",
    ),
    "authorities without TLS": (
        'questdb.tls_ca_file = "a"',
        "questdb.tls_ca_file: is used by nothing: write ilp_http_addr as https://host:port, or "
        "add ?sslmode=verify-full to uri",
    ),
    "password without user": (
        'questdb.ilp_password = "hush"',
        "questdb.ilp_password: needs ilp_user beside it: set both or none",
    ),
}

ALLOWED = {
    "tcp that is only enqueued": 'meter_usage.sink = {transport = "tcp", ack = "enqueued"}',
    "pgwire with a transport unused": 'meter_usage.sink = {kind="pgwire", transport="tcp"}',
    "pgwire falling back to itself": 'meter_usage.sink = {kind = "pgwire", fallback = "pgwire"}',
    "batch as large as the capacity": "meter_usage.source.channel_capacity = 25000",
    "two tokens of one holder": 'meter_usage.source.auth_named_tokens = ["a:x", "a:y"]',
    "one token of one holder twice": 'meter_usage.source.auth_named_tokens = ["a:x", "a:x"]',
    "line as long as the limits": (
        "[meter_usage.source]\nchannel_capacity_bytes = 1048576\nmax_decompressed_bytes = 1048576\n"
        "max_ndjson_body_bytes = 1048576"
    ),
    "line longer than an array": "meter_usage.source.max_body_bytes = 100",
    "send as long as the delivery": "meter_usage.sink.delivery_timeout_ms = 10000",
    "several tokens": 'meter_usage.source.auth_bearer_tokens = ["a", "b"]',
    "other tables": 'meter_usage.name = "a"\ngeneration_output.name = "meter_usage"',
    "one port on two addresses": (
        'meter_usage.source.http_bind_addr = "127.0.0.1:7000"\n'
        'generation_output.source.http_bind_addr = "[::1]:7000"'
    ),
    "authorities for ILP": 'questdb = {ilp_http_addr = "https://a:1", tls_ca_file = "b"}',
    "authorities for pgwire": (
        'questdb = {uri = "postgresql://a/q?sslmode=verify-full", tls_ca_file = "b"}'
    ),
    "user and password": 'questdb = {ilp_user = "a", ilp_password = "b"}',
}


@pytest.mark.parametrize(("toml", "problem"), CONFLICTS.values(), ids=list(CONFLICTS))
def test_impossible_combination_is_one_problem_that_says_what_to_change(
    toml: str, problem: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        parse_config(tomllib.loads(toml), {})
    assert raised.value.problems == (problem,)
    assert "hush" not in problem


@pytest.mark.parametrize("toml", ALLOWED.values(), ids=list(ALLOWED))
def test_unusual_combination_that_works_is_taken(toml: str) -> None:
    assert parse_config(tomllib.loads(toml), {}) != Config()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("0.0.0.0:7000", "127.0.0.1:7000"),
        ("127.0.0.1:7000", "0.0.0.0:7000"),
        ("[::]:7000", "10.0.0.1:7000"),
        ("localhost:7000", "127.0.0.1:7000"),
        ("[::1]:7000", "[0:0::1]:7000"),
    ],
)
def test_addresses_that_share_a_port_of_one_host_are_a_conflict(one: str, other: str) -> None:
    tables: dict[str, object] = {
        "meter_usage": {"source": {"http_bind_addr": one}},
        "generation_output": {"source": {"http_bind_addr": other}},
    }
    with pytest.raises(ConfigError, match="takes port 7000"):
        parse_config(tables, {})


@pytest.mark.parametrize(("toml", "_"), CONFLICTS.values(), ids=list(CONFLICTS))
def test_conflict_names_keys_of_the_model(toml: str, _: str) -> None:
    config = overlay(Config(), tomllib.loads(toml), Problems())
    (conflict,) = conflicts(config)
    assert set(conflict.paths) <= {leaf.path for leaf in leaves(config)}
    assert len(conflict.paths) >= 2


def test_one_token_under_two_names_is_a_conflict() -> None:
    with pytest.raises(ConfigError, match="under another name too") as raised:
        parse_config({"meter_usage": {"source": {"auth_named_tokens": ["a:hush", "b:hush"]}}}, {})
    assert "hush" not in str(raised.value)


def test_every_conflict_is_reported_at_once() -> None:
    toml = "\n".join(
        [
            'meter_usage.sink = {transport = "tcp", delivery_timeout_ms = 1}',
            'generation_output.name = "meter_usage"',
            'metrics.bind_addr = "127.0.0.1:7001"',
        ]
    )
    with pytest.raises(ConfigError) as raised:
        parse_config(tomllib.loads(toml), {})
    assert [line.partition(":")[0] for line in raised.value.problems] == [
        "meter_usage.sink.ack",
        "meter_usage.sink.request_timeout_ms",
        "generation_output.name",
        "metrics.bind_addr",
    ]


def test_defaults_have_no_conflict() -> None:
    assert list(conflicts(Config())) == []


def test_three_listeners_on_one_port_are_told_pair_by_pair() -> None:
    config = overlay(
        Config(),
        tomllib.loads(
            'generation_output.source.http_bind_addr = "0.0.0.0:7001"\n'
            'metrics.bind_addr = "0.0.0.0:7001"'
        ),
        Problems(),
    )
    listeners = [
        "meter_usage.source.http_bind_addr",
        "generation_output.source.http_bind_addr",
        "metrics.bind_addr",
    ]
    pairs = {frozenset(conflict.paths) for conflict in conflicts(config)}
    assert pairs == {frozenset(pair) for pair in itertools.combinations(listeners, 2)}
