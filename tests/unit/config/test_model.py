from multiprocessing import Pipe

import msgspec
import pytest

from utility_ts_analytics.config.model import Config
from utility_ts_analytics.config.tree import leaves
from utility_ts_analytics.records.streams import STREAMS

# CONTRACT section 4, as the file has it.
CONTRACT_DEFAULTS = {
    "questdb.max_connections": "10",
    "questdb.uri": "postgresql://admin:***@localhost:8812/qdb",
    "questdb.ilp_http_addr": "127.0.0.1:9000",
    "questdb.ilp_tcp_addr": "127.0.0.1:9009",
    "meter_usage.name": "meter_usage",
    "meter_usage.source.http_bind_addr": "0.0.0.0:7001",
    "meter_usage.source.workers": "0",
    "meter_usage.source.channel_capacity": "50000",
    "meter_usage.source.max_body_bytes": "10485760",
    "meter_usage.source.max_ndjson_body_bytes": "0",
    "meter_usage.source.max_decompressed_bytes": "1073741824",
    "meter_usage.source.max_request_records": "0",
    "meter_usage.source.max_request_days": "2000",
    "meter_usage.source.max_line_bytes": "1048576",
    "meter_usage.source.max_concurrent_requests": "128",
    "meter_usage.source.body_idle_timeout_ms": "30000",
    "meter_usage.source.body_min_rate_bytes": "1024",
    "meter_usage.source.ndjson_strict": "False",
    "meter_usage.source.allow_negative": "False",
    "meter_usage.source.max_future_minutes": "576000",
    "meter_usage.source.auth_bearer_token": "None",
    "meter_usage.source.auth_bearer_tokens": "None",
    "meter_usage.sink.kind": "ilp",
    "meter_usage.sink.transport": "http",
    "meter_usage.sink.fallback": "pgwire",
    "meter_usage.sink.ack": "committed",
    "meter_usage.sink.workers": "1",
    "meter_usage.sink.batch_size": "25000",
    "meter_usage.sink.max_batch_linger_ms": "200",
    "meter_usage.sink.max_retries": "5",
    "meter_usage.sink.retry_backoff_ms": "200",
    "generation_output.name": "generation_output",
    "generation_output.source.http_bind_addr": "0.0.0.0:7002",
    "generation_output.source.workers": "1",
    "metrics.bind_addr": "None",  # see test_listeners: the machine's own without a token
}


@pytest.mark.parametrize(("path", "default"), CONTRACT_DEFAULTS.items())
def test_default_is_the_contract_s(path: str, default: str) -> None:
    assert str({leaf.path: leaf.value for leaf in leaves(Config())}[path]) == default


def test_streams_differ_in_name_port_and_workers_alone() -> None:
    config = Config()
    source = msgspec.structs.replace(
        config.generation_output.source,
        bind_address=config.meter_usage.source.bind_address,
        workers=0,
    )
    same = msgspec.structs.replace(config.generation_output, table="meter_usage", source=source)
    assert same == config.meter_usage


def test_every_stream_has_a_section_and_every_section_a_stream() -> None:
    assert list(Config().streams) == list(STREAMS)
    assert Config().streams["meter_usage"] is Config().meter_usage


def test_streams_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        Config().streams["other"] = Config().meter_usage  # type: ignore[index]  # the promise


def test_config_reaches_a_spawned_process_unchanged() -> None:
    parent, child = Pipe()
    with parent, child:
        parent.send(Config())
        assert child.recv() == Config()


def test_no_key_is_another_key_s_file_variable() -> None:
    """`X_FILE` in the environment is either the key `x_file`, or names a file for the key `x`."""
    paths = {leaf.path for leaf in leaves(Config())}
    assert not {path for path in paths if path.removesuffix("_file") in paths - {path}}
