"""Each check says what it found and what to do, and what costs nothing is no failure."""

import asyncio
import resource
import socket
from pathlib import Path
from typing import Protocol

import msgspec
import pytest
from tests.certificates import Authority

from utility_ts_analytics.config import Config, parse_config
from utility_ts_analytics.records import native
from utility_ts_analytics.records.streams import STREAMS
from utility_ts_analytics.service.monitoring.checks import run_checks


class Database(Protocol):
    """What these tests need of the `questdb` fixture."""

    @property
    def pg_uri(self) -> str: ...
    @property
    def http_addr(self) -> str: ...
    @property
    def ilp_tcp_addr(self) -> str: ...
    def query(self, sql: str) -> list[tuple[object, ...]]: ...


def config_for(questdb: Database, **meter_usage: object) -> Config:
    where = {"uri": questdb.pg_uri, "ilp_http_addr": questdb.http_addr}
    return parse_config(
        {"questdb": {**where, "ilp_tcp_addr": questdb.ilp_tcp_addr}, "meter_usage": meter_usage}, {}
    )


def failures(config: Config) -> list[str]:
    return [line.text for line in asyncio.run(run_checks(config)) if not line.ok]


@pytest.mark.questdb
def test_all_is_well_with_a_database_as_the_schema_says(questdb: Database) -> None:
    lines = asyncio.run(run_checks(config_for(questdb)))
    assert [line.text for line in lines if not line.ok] == []
    texts = "\n".join(line.text for line in lines)
    assert "the configuration is valid" in texts
    assert f"questdb.ilp_http_addr: {questdb.http_addr} takes connections" in texts
    assert "tables are as sql/schema says" in texts
    assert "partitions: " in texts
    assert "memory maps: " in texts
    assert "this machine's vm.max_map_count is" in texts


@pytest.mark.parametrize(
    ("function", "said", "advice"),
    [(lambda: b"", "is there", False), (None, "is missing: all works", True)],
    ids=["compiled", "plain"],
)
def test_package_without_its_compiled_module_is_reported_and_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, function: object, said: str, advice: bool
) -> None:
    monkeypatch.setattr(native, "ilp_lines", function)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))  # nothing of QuestDB is asked that answers
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        uri = f"postgresql://admin:quest@{address}/qdb"
        config = parse_config({"questdb": {"ilp_http_addr": address, "uri": uri}}, {})
        [line] = [line for line in asyncio.run(run_checks(config)) if "compiled" in line.text]
    assert line.ok
    assert line.text.startswith(f"the compiled module {said}")
    assert ("install gcc and python3-dev" in line.text) is advice


@pytest.mark.questdb
def test_weaker_promises_are_reported_and_are_no_failure(questdb: Database) -> None:
    sink = {"transport": "tcp", "ack": "enqueued"}
    lines = asyncio.run(run_checks(config_for(questdb, sink=sink)))
    said = [line.text for line in lines if line.text.startswith("meter_usage: ")]
    assert all(line.ok for line in lines)
    assert [text.split(":")[1].strip() for text in said] == [
        'ack = "enqueued"',
        'transport = "tcp"',
        "no bearer token",
    ]


@pytest.mark.questdb
def test_missing_table_is_a_failure_that_names_it(questdb: Database) -> None:
    [failure] = failures(config_for(questdb, name="checks_missing"))
    assert failure.startswith("checks_missing: the table is missing")


def test_every_address_that_does_not_answer_is_named() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))  # bound, so nobody else takes it; it never listens
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        config = parse_config({"questdb": {"ilp_http_addr": address}}, {})
        uri = f"postgresql://admin:hidden@{address}/qdb"
        config = parse_config({"questdb": {"ilp_http_addr": address, "uri": uri}}, {})
        found = failures(config)
    assert len(found) == 2
    assert found[0].startswith(f"questdb.ilp_http_addr: cannot connect to {address}")
    assert "check questdb.uri" in found[1]
    assert "hidden" not in msgspec.json.encode(found).decode()


def texts_of(tables: dict[str, object]) -> dict[str, bool]:
    """Return all lines, of a configuration whose QuestDB does not answer."""
    questdb = {"uri": "postgresql://a:b@127.0.0.1:1/q", "ilp_http_addr": "127.0.0.1:1"}
    config = parse_config({"questdb": questdb, **tables}, {})
    return {line.text: line.ok for line in asyncio.run(run_checks(config))}


@pytest.mark.parametrize(
    ("addr", "uri", "plain"),
    [
        ("127.0.0.1:1", "postgresql://a:b@localhost:1/q", []),
        ("https://db.invalid:1", "postgresql://a:b@db.invalid:1/q?sslmode=verify-full", []),
        (
            "db.invalid:1",
            "postgresql://a:hidden@db.invalid:1/q",
            ["questdb.ilp_http_addr", "questdb.uri"],
        ),
    ],
)
def test_plain_way_to_another_machine_is_reported(addr: str, uri: str, plain: list[str]) -> None:
    texts = texts_of({"questdb": {"ilp_http_addr": addr, "uri": uri}})
    found = [text for text in texts if "is not encrypted" in text]
    assert [text.partition(":")[0] for text in found] == plain
    assert all(texts[text] for text in found)
    assert "hidden" not in "".join(texts)


def test_open_files_that_the_hard_limit_does_not_allow_are_a_failure() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert hard < 99_000, "this machine allows more open files than any configuration needs"
    texts = texts_of({"meter_usage": {"source": {"max_connections": 99_000}}})
    [failure] = [text for text, ok in texts.items() if "open files" in text and not ok]
    assert failure.startswith(f"open files of meter_usage: limited to {hard}, 99512 needed")
    assert "meter_usage.source.max_connections" in failure
    [fine] = [text for text, ok in texts.items() if "open files of generation_output" in text]
    assert texts[fine]
    assert "4608 needed" in fine


@pytest.mark.parametrize(
    ("sink", "workers", "count", "too_many"),
    [
        ({"fallback": "none"}, 4, 4, False),
        ({"fallback": "pgwire", "workers": 3}, 4, 16, False),
        ({"kind": "pgwire", "fallback": "none", "workers": 3}, 4, 16, False),
        ({"fallback": "pgwire", "workers": 3}, 16, 64, True),
    ],
)
def test_pgwire_connections_of_all_processes_are_counted(
    sink: dict[str, object], workers: int, count: int, too_many: bool
) -> None:
    tables: dict[str, object] = {
        name: {"source": {"workers": 1}, "sink": {"fallback": "none"}} for name in STREAMS
    }
    texts = texts_of({**tables, "meter_usage": {"source": {"workers": workers}, "sink": sink}})
    # Two for the operations server and one for the worker of each other stream, with no sink.
    count += 2 + len(STREAMS) - 1
    [text] = [text for text in texts if text.startswith("pgwire:")]
    assert f"up to {count} connections" in text
    assert ("pg.net.connection.limit" in text) == too_many
    assert texts[text]


def test_directories_that_cannot_be_made_are_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    sink = {"dead_letter_dir": str(tmp_path / "letters" / "new")}
    meter_usage = {"sink": sink, "spool": {"dir": str(tmp_path / "file" / "spool")}}
    lines = asyncio.run(run_checks(parse_config({"meter_usage": meter_usage}, {})))
    found = {line.text.split(":")[0]: line.ok for line in lines}
    assert found["meter_usage.sink.dead_letter_dir"]
    assert not found["meter_usage.spool.dir"]
    assert not (tmp_path / "letters").exists()


def test_weak_guards_are_reported_and_are_no_failure(tmp_path: Path) -> None:
    pair = Authority.make(tmp_path).issue("server", days=9)
    pair.key.chmod(0o644)
    tls = {"tls_cert_file": str(pair.cert), "tls_key_file": str(pair.key)}
    tables: dict[str, object] = {
        "meter_usage": {"source": {**tls, "auth_named_tokens": ["a:short", "b:" + "long" * 8]}},
        "generation_output": {"source": {"auth_bearer_token": "long" * 8}},
        "metrics": {"bind_addr": "0.0.0.0:9090"},
    }
    texts = "\n".join(text for text, ok in texts_of(tables).items() if ok)
    for part in (
        "meter_usage: the token a is shorter than 16 characters",
        "meter_usage.source.tls_key_file: every user of this machine can read it",
        "meter_usage.source.tls_cert_file: valid for 8 more days: renew it",
        "generation_output: tokens come in plain HTTP",
        "metrics.bind_addr: 0.0.0.0:9090 lets every machine that reaches it read",
    ):
        assert part in texts
    for other in ("token b", "token-1 is", "meter_usage: tokens come", "short:", "long"):
        assert other not in texts


def test_good_guards_are_not_talked_about(tmp_path: Path) -> None:
    pair = Authority.make(tmp_path).issue("server")
    tls = {"tls_cert_file": str(pair.cert), "tls_key_file": str(pair.key)}
    guarded = {**tls, "auth_bearer_token": "long" * 8}
    tables: dict[str, object] = {
        **{name: {"source": guarded} for name in STREAMS},
        "metrics": {"bind_addr": "0.0.0.0:9090", **guarded},
    }
    said = [text for text in texts_of(tables) if "token" in text or "tls_" in text]
    assert len(said) == len(STREAMS) + 1
    assert {text.partition(": ")[2] for text in said} == {"valid for 29 more days"}


@pytest.mark.parametrize(("days", "why"), [(-1, "expired"), (0, "cannot read")])
def test_certificate_that_cannot_serve_is_a_failure(days: int, why: str, tmp_path: Path) -> None:
    pair = Authority.make(tmp_path).issue("server", days=days or 1)
    if days == 0:
        pair.cert.unlink()
    tls = {"tls_cert_file": str(pair.cert), "tls_key_file": str(pair.key)}
    found = [text for text, ok in texts_of({"metrics": tls}).items() if not ok and "tls_" in text]
    [failure] = found
    assert failure.startswith("metrics.tls_cert_file: ")
    assert why in failure
