"""The checks of `ingestion-service check`: causes of trouble before their effects."""

import os
import resource
import socket
import ssl
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from utility_ts_analytics.config import Address, Config, QuestDBConfig
from utility_ts_analytics.database.access import access_of, login_trouble, ping_trouble
from utility_ts_analytics.database.live_table import auto_creation
from utility_ts_analytics.database.pool import address_of, connected
from utility_ts_analytics.database.schema import check_schema, specs_for
from utility_ts_analytics.database.views import check_views
from utility_ts_analytics.errors import OperatorError
from utility_ts_analytics.records import native
from utility_ts_analytics.service.listeners.connection_limits import files_needed
from utility_ts_analytics.service.listeners.tls import (
    tls_sections,
    unusable,
    unusable_authorities,
    valid_until,
    weaknesses,
)
from utility_ts_analytics.service.monitoring.broker_watch import look_at_shards, look_at_topics
from utility_ts_analytics.service.monitoring.map_watch import (
    limit_text,
    look,
    partitions_text,
    warnings,
)
from utility_ts_analytics.service.monitoring.stores_watch import named

_CONNECT_TIMEOUT_S = 3.0
_PGWIRE_LIMIT = 64
"""QuestDB's default of pg.net.connection.limit; its own consoles and analysts come on top."""

_TOKEN_CHARACTERS_FEW = 16
"""Shorter tokens can be guessed: a server answers 2 attempts per ms without effort."""

_SETTINGS_TIMEOUT_S = 5.0
_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})

_CERTIFICATE_SHORT = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One line of the report.

    Attributes:
        text: What was checked and found; for a failure, what to do.
        ok: False makes the command fail.
    """

    text: str
    ok: bool


async def run_checks(config: Config) -> list[CheckLine]:
    """Check everything that can be checked from this machine. Findings raise nothing.

    Args:
        config: Valid.
    """
    lines = [CheckLine("the configuration is valid", ok=True), _compiled_module()]
    lines += _promises(config)
    lines += _tokens(config)
    lines += [CheckLine(text, ok=True) for text in weaknesses(config)]
    lines += _certificates(config)
    lines += _limits(config)
    lines.append(_pgwire_connections(config))
    lines += _folders(config)
    lines += [CheckLine(text, ok=ok) for text, ok in await look_at_topics(config)]
    if config.questdb.shards:
        lines += [CheckLine(text, ok=ok) for text, ok in await look_at_shards(config)]
    for shard, one in config.databases.items():
        found = await _database(one, is_shard=bool(shard))
        lines += [CheckLine(named(shard, line.text), ok=line.ok) for line in found]
    return lines


async def _database(config: Config, *, is_shard: bool) -> list[CheckLine]:
    """Check one QuestDB: `consume` writes into a shard, whatever the sinks of posts are."""
    lines = await _listeners(config, is_shard=is_shard)
    if is_shard or config.streams_into("questdb"):
        lines += _authorities(config)
        lines += await _schema(config)
        lines += await _memory_maps(config)
    return lines


def _compiled_module() -> CheckLine:
    """Tell whether the compiled loops (`records.native`) are used; rows are the same without."""
    if native.ilp_lines is not None:
        return CheckLine("the compiled module is there: rows go at full speed", ok=True)
    text = (
        "the compiled module is missing: all works, at about a third of the speed: install gcc and "
        "python3-dev, then the package again (pip install --force-reinstall --no-deps ...)"
    )
    return CheckLine(text, ok=True)


def _promises(config: Config) -> Iterator[CheckLine]:
    for name, stream in config.streams.items():
        if stream.sink.ack == "enqueued":
            text = f'{name}: ack = "enqueued": a 200 means held in memory; a crash loses such rows'
            yield CheckLine(text, ok=True)
        if stream.sink.transport == "tcp" and stream.sink.kind == "ilp":
            text = f'{name}: transport = "tcp": QuestDB acknowledges nothing; refused rows vanish'
            yield CheckLine(text, ok=True)
        if not stream.source.tokens:
            text = f"{name}: no bearer token: anyone who reaches the port can post"
            yield CheckLine(text, ok=True)


def _tokens(config: Config) -> Iterator[CheckLine]:
    tokens = [
        (f"{name}: the token {token.name}", token.reveal())
        for name, stream in config.streams.items()
        for token in stream.source.tokens
    ]
    if config.metrics.auth_bearer_token is not None:
        tokens.append(("metrics: the token", config.metrics.auth_bearer_token.reveal()))
    for whose, text in tokens:
        if len(text) < _TOKEN_CHARACTERS_FEW:
            line = (
                f"{whose} is shorter than {_TOKEN_CHARACTERS_FEW} characters: openssl rand -hex 24"
            )
            yield CheckLine(line, ok=True)
    for name, stream in config.streams.items():
        source = stream.source
        if source.tokens and source.tls is None and not source.bind_address.is_loopback:
            text = f"{name}: tokens come in plain HTTP unless a proxy in front speaks TLS"
            yield CheckLine(text, ok=True)


def _certificates(config: Config) -> Iterator[CheckLine]:
    for path, files in tls_sections(config).items():
        where = f"{path}.tls_cert_file"
        problems = list(unusable(files))
        yield from (CheckLine(f"{path}.{problem}", ok=False) for problem in problems)
        if problems:
            continue
        try:
            left = valid_until(files) - datetime.now(tz=UTC)
        except ssl.SSLCertVerificationError as error:
            text = f"{where}: clients refuse {files.cert}: {error.verify_message}"
            yield CheckLine(text, ok=False)
            continue
        text = f"{where}: valid for {left.days} more days"
        if left < _CERTIFICATE_SHORT:
            text += ": renew it, then send SIGHUP"
        yield CheckLine(text, ok=True)


def _authorities(config: Config) -> Iterator[CheckLine]:
    """Check the connection to QuestDB: authorities for TLS, and plain text to another machine."""
    questdb = config.questdb
    yield from (CheckLine(text, ok=False) for text in unusable_authorities(config))
    plain = {} if questdb.ilp_http_addr.tls else {"questdb.ilp_http_addr": "https://host:port"}
    if not questdb.uri.is_encrypted:
        plain["questdb.uri"] = "?sslmode=verify-full"
    hosts = {"questdb.ilp_http_addr": questdb.ilp_http_addr.host, "questdb.uri": _host(questdb)}
    for setting, remedy in plain.items():
        if hosts[setting] not in _THIS_MACHINE:
            text = (
                f"{setting}: the connection to {hosts[setting]} is not encrypted: others on the"
                f" network can read readings and passwords; set {remedy} with a proxy before"
                " QuestDB (docs/OPERATIONS.md)"
            )
            yield CheckLine(text, ok=True)


def _host(questdb: QuestDBConfig) -> str:
    return address_of(questdb.uri.reveal()).rpartition(":")[0]


def _limits(config: Config) -> Iterator[CheckLine]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for name, stream in config.streams.items():
        needed = files_needed(stream.source.max_connections, tls=stream.source.tls is not None)
        if hard != resource.RLIM_INFINITY and hard < needed:
            text = (
                f"open files of {name}: limited to {hard}, {needed} needed: raise the hard limit"
                f" (ulimit -Hn), or lower {name}.source.max_connections"
            )
            yield CheckLine(text, ok=False)
        else:
            text = f"open files of {name}: {needed} needed, {max(soft, needed)} at start"
            yield CheckLine(text, ok=True)


def _pgwire_connections(config: Config) -> CheckLine:
    """Count the connections of all processes: health checks, pgwire sinks and fallbacks."""
    count = 2  # the operations server's: health, and partitions once a minute
    for stream in map(config.streams.__getitem__, config.streams_into("questdb")):
        workers = stream.source.workers or len(os.sched_getaffinity(0))
        uses_pgwire = "pgwire" in (stream.sink.kind, stream.sink.fallback)
        count += workers * (1 + stream.sink.lanes * uses_pgwire)
    text = f"pgwire: up to {count} connections; QuestDB takes {_PGWIRE_LIMIT} unless told otherwise"
    if count > _PGWIRE_LIMIT:
        text += f": raise its pg.net.connection.limit above {count}"
    return CheckLine(text, ok=True)


def _folders(config: Config) -> Iterator[CheckLine]:
    """Check that the directories of spool and dead letters can be made and written to."""
    for name, stream in config.streams.items():
        named = {
            f"{name}.spool.dir": stream.spool.dir,
            f"{name}.sink.dead_letter_dir": stream.sink.dead_letter_dir,
        }
        for setting, folder in named.items():
            if folder is None:
                continue
            there = Path(folder).absolute()
            while not there.exists():
                there = there.parent
            if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
                yield CheckLine(f"{setting}: {folder} can be written to", ok=True)
            else:
                text = f"{setting}: cannot write to {there}: change its owner, or the setting"
                yield CheckLine(text, ok=False)


async def _listeners(config: Config, *, is_shard: bool) -> list[CheckLine]:
    """Connect to the ILP addresses that the streams use; `consume` uses that of a shard."""
    questdb = config.questdb
    sinks = [stream.sink for stream in config.streams.values() if stream.sink.kind == "ilp"]
    lines = []
    if is_shard or any(sink.transport == "http" for sink in sinks):
        where, access = questdb.ilp_http_addr, access_of(questdb)
        trouble = None
        for asks in (ping_trouble, login_trouble):
            trouble = trouble or await asks(
                where.host, where.port, timeout_s=_CONNECT_TIMEOUT_S, access=access
            )
        lines.append(_listener("questdb.ilp_http_addr", questdb.ilp_http_addr, trouble))
    if not is_shard and any(sink.transport == "tcp" for sink in sinks):
        trouble = _connect_trouble(questdb.ilp_tcp_addr)
        lines.append(_listener("questdb.ilp_tcp_addr", questdb.ilp_tcp_addr, trouble))
    return lines


def _listener(setting: str, address: Address, trouble: str | None) -> CheckLine:
    if trouble is None:
        return CheckLine(f"{setting}: {address} takes connections", ok=True)
    text = f"{setting}: cannot connect to {address}: {trouble}; start QuestDB or change it"
    return CheckLine(text, ok=False)


def _connect_trouble(address: Address) -> str | None:
    try:
        socket.create_connection((address.host, address.port), _CONNECT_TIMEOUT_S).close()
    except OSError as error:
        return error.strerror or str(error)
    return None


async def _schema(config: Config) -> Iterable[CheckLine]:
    uri = config.questdb.pgwire_uri
    try:
        tables = config.stream_tables
        specs = specs_for({name: tables[name] for name in config.streams_into("questdb")})
        differences = await check_schema(uri, specs)
        views = await _views(config)
        async with connected(uri) as connection:
            created = await auto_creation(connection, timeout_s=_SETTINGS_TIMEOUT_S)
    except OperatorError as error:
        return [CheckLine(str(error), ok=False)]
    lines = [CheckLine(str(difference), ok=not difference.is_error) for difference in differences]
    if all(line.ok for line in lines):
        lines.append(CheckLine(f"{len(specs)} tables are as sql/schema says", ok=True))
    lines += [CheckLine(warning, ok=True) for warning in created]
    return lines + views


async def _memory_maps(config: Config) -> list[CheckLine]:
    """Check how near QuestDB is to the kernel's limit; other checks report that it is away."""
    try:
        facts = await look(config)
    except OperatorError:
        return []
    texts = [partitions_text(facts), limit_text(facts), *(f"WARNING {w}" for w in warnings(facts))]
    return [CheckLine(text, ok=True) for text in texts]


async def _views(config: Config) -> list[CheckLine]:
    """Check the materialized views that exist: `sql/views` is optional."""
    table = config.streams["meter_usage"].table
    found = await check_views(config.questdb.pgwire_uri, meter_table=table)
    return [CheckLine(view.text, ok=view.ok) for view in found]
