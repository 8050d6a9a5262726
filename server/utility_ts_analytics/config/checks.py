"""Rules across keys: combinations of good values that cannot work together. Pure, no network."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from utility_ts_analytics.config.listeners import MetricsConfig, SourceConfig
from utility_ts_analytics.config.model import Config, SinkConfig
from utility_ts_analytics.config.values import BindAddress


@dataclass(frozen=True, slots=True)
class Conflict:
    """Values that do not go together.

    Attributes:
        paths: Dotted paths of all of them; the problem is reported at the first.
        message: What is wrong and what to change, following the path and a colon.
    """

    paths: tuple[str, ...]
    message: str


def conflicts(config: Config) -> Iterator[Conflict]:
    """Yield every conflict, stream by stream, then those between sections."""
    for name, stream in config.streams.items():
        yield from _source_conflicts(f"{name}.source", stream.source)
        yield from _sink_conflicts(f"{name}.sink", stream.sink)
        yield from _capacity_conflicts(name, stream.source, stream.sink)
        yield from _token_conflicts(f"{name}.source", stream.source)
        yield from _tls_conflicts(f"{name}.source", stream.source)
    yield from _tls_conflicts("metrics", config.metrics)
    yield from _table_conflicts(config)
    yield from _listener_conflicts(config)
    yield from _login_conflicts(config)
    for index, key, message in config.questdb.shards.problems():
        yield Conflict((f"questdb.shards[{index}].{key}",), message)


def _source_conflicts(path: str, source: SourceConfig) -> Iterator[Conflict]:
    if source.auth_bearer_token is not None and source.auth_bearer_tokens is not None:
        yield Conflict(
            (f"{path}.auth_bearer_token", f"{path}.auth_bearer_tokens"),
            "cannot stand beside auth_bearer_tokens: put every token into that list",
        )
    if source.max_connections <= source.max_concurrent_requests:
        yield Conflict(
            (f"{path}.max_connections", f"{path}.max_concurrent_requests"),
            f"must be over max_concurrent_requests ({source.max_concurrent_requests}), or nobody "
            f"hears the 429, is {source.max_connections}",
        )
    limits = {
        "channel_capacity_bytes": source.channel_capacity_bytes,
        "max_decompressed_bytes": source.max_decompressed_bytes,
        "max_ndjson_body_bytes": source.max_ndjson_body_bytes or source.max_line_bytes,
    }
    for key, limit in limits.items():
        if source.max_line_bytes > limit:
            yield Conflict(
                (f"{path}.max_line_bytes", f"{path}.{key}"),
                f"must be at most {key} ({limit}), is {source.max_line_bytes}",
            )


def _token_conflicts(path: str, source: SourceConfig) -> Iterator[Conflict]:
    """Find tokens under two names: nobody could tell which holder sent one."""
    names: dict[str, set[str]] = {}
    for token in source.tokens:
        names.setdefault(token.reveal(), set()).add(token.name)
    named = {token.reveal() for token in source.auth_named_tokens or ()}
    if any(len(names[text]) > 1 for text in named):
        keys = ("auth_named_tokens", "auth_bearer_token", "auth_bearer_tokens")
        yield Conflict(
            tuple(f"{path}.{key}" for key in keys if getattr(source, key) is not None),
            "holds a token that stands under another name too: give each holder its own",
        )


def _tls_conflicts(path: str, section: SourceConfig | MetricsConfig) -> Iterator[Conflict]:
    cert, key = section.tls_cert_file, section.tls_key_file
    if (cert is None) != (key is None):
        given, missing = (
            ("tls_key_file", "tls_cert_file") if cert is None else ("tls_cert_file", "tls_key_file")
        )
        yield Conflict(
            (f"{path}.{given}", f"{path}.{missing}"),
            f"needs {missing} beside it: set both or none",
        )
    elif isinstance(section, SourceConfig) and section.tls_client_ca_file and cert is None:
        yield Conflict(
            (f"{path}.tls_client_ca_file", f"{path}.tls_cert_file"),
            "needs tls_cert_file and tls_key_file beside it: without TLS no client can show a "
            "certificate",
        )


def _sink_conflicts(path: str, sink: SinkConfig) -> Iterator[Conflict]:
    if (sink.kind, sink.transport, sink.ack) == ("ilp", "tcp", "committed"):
        yield Conflict(
            (f"{path}.ack", f"{path}.transport", f"{path}.kind"),
            'cannot be "committed": ILP over TCP is not acknowledged; '
            'set ack = "enqueued" or transport = "http"',
        )
    if sink.kind == "kafka" and sink.fallback != "none":
        yield Conflict(
            (f"{path}.fallback", f"{path}.kind"),
            'must be "none" with kind = "kafka": rows that went past the log could be overtaken',
        )
    if sink.request_timeout_ms > sink.delivery_timeout_ms:
        yield Conflict(
            (f"{path}.request_timeout_ms", f"{path}.delivery_timeout_ms"),
            f"must be at most delivery_timeout_ms ({sink.delivery_timeout_ms}), which bounds every "
            f"send of a batch together, is {sink.request_timeout_ms}",
        )


def _capacity_conflicts(name: str, source: SourceConfig, sink: SinkConfig) -> Iterator[Conflict]:
    capacity = f"{name}.source.channel_capacity"
    for key, rows in (("batch_size", sink.batch_size), ("workers", sink.lanes)):
        if rows > source.channel_capacity:
            yield Conflict(
                (f"{name}.sink.{key}", capacity),
                f"must be at most {capacity} ({source.channel_capacity}), is {rows}",
            )


def _table_conflicts(config: Config) -> Iterator[Conflict]:
    for (one, first), (other, second) in itertools.combinations(config.streams.items(), 2):
        # QuestDB takes table names in either case for the same table.
        if first.table.lower() == second.table.lower():
            yield Conflict(
                (f"{other}.name", f"{one}.name"),
                f"is the table of {one} too ({first.table}): each stream needs its own",
            )


def _listener_conflicts(config: Config) -> Iterator[Conflict]:
    listeners: dict[str, BindAddress] = {
        f"{name}.source.http_bind_addr": stream.source.bind_address
        for name, stream in config.streams.items()
    }
    listeners["metrics.bind_addr"] = config.metrics.bind_address
    for (one, first), (other, second) in itertools.combinations(listeners.items(), 2):
        shared_host = first.host == second.host or first.is_wildcard or second.is_wildcard
        if first.port == second.port and shared_host:
            yield Conflict(
                (other, one), f"takes port {second.port}, which {one} takes already: change one"
            )


def _login_conflicts(config: Config) -> Iterator[Conflict]:
    questdb = config.questdb
    user, password = questdb.ilp_user, questdb.ilp_password
    if (user is None) != (password is None):
        given, missing = (
            ("ilp_password", "ilp_user") if user is None else ("ilp_user", "ilp_password")
        )
        yield Conflict(
            (f"questdb.{given}", f"questdb.{missing}"),
            f"needs {missing} beside it: set both or none",
        )
    if user is not None and questdb.ilp_token is not None:
        yield Conflict(
            ("questdb.ilp_token", "questdb.ilp_user"),
            "cannot stand beside ilp_user: a request carries one login",
        )
    used = any(one.questdb.ca_files for one in config.databases.values())
    if questdb.tls_ca_file is not None and not used:
        yield Conflict(
            ("questdb.tls_ca_file", "questdb.ilp_http_addr", "questdb.uri"),
            "is used by nothing: write ilp_http_addr as https://host:port, or add "
            "?sslmode=verify-full to uri",
        )
