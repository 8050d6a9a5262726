"""A moved listener is named by its setting."""

from utility_ts_analytics.config import Config, parse_config
from utility_ts_analytics.service.assembly import service_plan
from utility_ts_analytics.service.plans import moved_listeners


def test_settings_of_other_addresses_are_named_and_nothing_else() -> None:
    old = service_plan(Config())
    tables = {
        "generation_output": {"source": {"http_bind_addr": "0.0.0.0:7003", "workers": 3}},
        "metrics": {"bind_addr": "127.0.0.1:9091"},
        "server": {"worker_silent_s": 20},
    }
    new = service_plan(parse_config(tables, {}))
    assert moved_listeners(old, old) == []
    assert moved_listeners(old, new) == [
        "generation_output.source.http_bind_addr",
        "metrics.bind_addr",
    ]
    assert new.worker_silent_s == 20
    assert [server.workers for server in new.servers][1:] == [3, 1]
