"""The terminal shows every fact of the page, within its width, whatever the state."""

import copy
from typing import Any

import pytest

from utility_ts_analytics.cli.status_text import WIDTH, status_text

WORKER = {"pid": 71, "state": "serving", "stored_rows": 1500, "held_rows": 3}
STREAM: dict[str, Any] = {
    "table": "mu",
    "delivery": {"first": "ilp", "fallback": "pgwire", "ack": "committed"},
    "received_rows": 2000,
    "stored_rows": 1500,
    "rejected_rows": 480,
    "failed_rows": 17,
    "in_flight_rows": 3,
    "held_rows": 3,
    "spooled_rows": 0,
    "stored_by_sink": {"ilp": 1500},
    "rejected_by_reason": {"wrong-type": 480},
    "failed_by_reason": {"draining": 17},
    "requests_by_code": {"200": 12, "503": 1},
    "retries": 4,
    "restarts": 2,
    "dead_letters": 0,
    "requests_in_flight": 0,
    "buffer": {"held_rows": 3, "capacity_rows": 60, "bytes": 300},
    "fallback_lanes": 0,
    "last_stored_at": 900.0,
    "now": {
        "received_rows_per_s": 1234,
        "stored_rows_per_s": 1200,
        "refused_rows_per_s": 34,
        "requests_per_s": 5,
    },
    "last_minute": {
        "requests": 9,
        "requests_by_code": {"200": 9},
        "received_rows": 700,
        "refused_by_reason": {"wrong-type": 70},
        "refused_share": 0.1,
        "request_p50_ms": 8.72,
        "request_p99_ms": 1200.0,
        "flush_p50_ms": 3.0,
        "flush_p99_ms": 90.25,
        "flush_rows_mean": 883,
    },
    "history": {"step_s": 1.0},
    "workers": [{**WORKER, "memory_bytes": 60 * 2**20}],
}
TABLE = {"exists": True, "suspended": False, "dedup": True, "wal_lag_transactions": 6}
ERROR = {"at": 0.0, "stream": "meter_usage", "code": "wrong-type", "line": 17, "field": "kwh"}
FACTS: dict[str, Any] = {
    "version": "1.2.3",
    "uptime_s": 7300,
    "now": 1000.0,
    "ready": True,
    "reasons": [],
    "warnings": [],
    "questdb": {"up": True, "reason": "", "tables": {"mu": TABLE}},
    "streams": {"meter_usage": STREAM},
    "errors": [ERROR],
}


def facts_with(*path: str, value: object) -> dict[str, Any]:
    """Return the facts with one member changed."""
    changed = copy.deepcopy(FACTS)
    place = changed
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    return changed


def words(text: str) -> list[str]:
    """Return the lines with single spaces."""
    return [" ".join(line.split()) for line in text.splitlines()]


def test_every_fact_of_the_page_is_there() -> None:
    lines = words(status_text(FACTS))
    assert lines[0] == "ready, version 1.2.3, up 2 h 1 min"
    for line in (
        "meter_usage: 1 workers serving",
        "rows/s 1,234 received, 1,200 stored, 34 refused, 5 requests/s",
        "rows 2,000 received, 1,500 stored, 480 rejected, 17 failed, 3 in flight",
        "request p50 8.7 ms, p99 1,200.0 ms, 9 a minute",
        "flush p50 3.0 ms, p99 90.2 ms, 883 rows each",
        "queue 3 of 60 rows (5.0%), 0 on disk",
        "stored 100 s ago last",
        "way ilp; fallback pgwire, breaker closed, 4 sends repeated",
        "wrong-type 70 480 24.0%",
        "draining 0 17 0.9%",
        "200 9 12",
        "503 0 1",
        "71 serving 60.0 1,500 3",
        "2 restarts since the start",
        "QuestDB: up",
        "mu writable 6 on",
    ):
        assert line in lines, line
    assert lines[-1].endswith("meter_usage wrong-type kwh 17")


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        (("ready",), False, "NOT READY, version 1.2.3, up 2 h 1 min"),
        (("reasons",), ["the table is gone"], "! the table is gone"),
        (("warnings",), ["QuestDB makes tables"], "- QuestDB makes tables"),
        (("questdb", "tables", "mu", "suspended"), True, "mu SUSPENDED 6 on"),
        (("questdb", "tables", "mu", "exists"), False, "mu MISSING 6 on"),
        (("questdb", "tables", "mu", "dedup"), False, "mu writable 6 OFF"),
        (
            ("questdb",),
            {"up": False, "reason": "refused", "tables": {}},
            "QuestDB: DOES NOT ANSWER: refused",
        ),
        (
            ("streams", "meter_usage", "fallback_lanes"),
            2,
            "way FALLBACK pgwire; breaker of ilp open on 2 lanes, 4 sends repeated",
        ),
        (
            ("streams", "meter_usage", "delivery"),
            {"first": "pgwire", "fallback": None},
            "way pgwire; no fallback, 4 sends repeated",
        ),
        (("streams", "meter_usage", "last_stored_at"), None, "stored never"),
        (("errors",), [], "no errors were told to clients"),
        (
            ("streams", "meter_usage", "workers"),
            [{**WORKER, "memory_bytes": 0, "state": state} for state in ("serving", "refusing")],
            "meter_usage: 1 workers serving, 1 refusing",
        ),
    ],
)
def test_what_is_wrong_is_said(path: tuple[str, ...], value: object, line: str) -> None:
    assert line in words(status_text(facts_with(*path, value=value)))
    assert line not in words(status_text(FACTS))


def test_service_that_has_just_started_shows_what_is_not_known_as_such() -> None:
    empty = {**STREAM, "now": {}, "last_minute": {}, "workers": [], "received_rows": 0}
    empty["buffer"] = {"held_rows": 0, "capacity_rows": 0, "bytes": 0}
    text = words(status_text(facts_with("streams", "meter_usage", value=empty)))
    assert "request p50 -, p99 -, - a minute" in text
    assert "queue 0 of 0 rows (-), 0 on disk" in text


def test_no_line_is_wider_than_the_terminal() -> None:
    wide = facts_with("reasons", value=["a long reason " * 20])
    wide["errors"] = [{**ERROR, "stream": "s" * 60, "field": "f" * 60}]
    for name in ("received_rows", "stored_rows", "rejected_rows", "failed_rows", "in_flight_rows"):
        wide["streams"]["meter_usage"][name] = 10**15
    assert max(len(line) for line in status_text(wide).splitlines()) <= WIDTH


def test_field_of_a_client_cannot_steer_the_terminal() -> None:
    text = status_text(facts_with("errors", value=[{**ERROR, "field": "a\x1b[2J\nb\u202e"}]))
    assert "a?[2J?b?" in text


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "119 min"), (200_000, "2 d 7 h")],
)
def test_durations_are_short(seconds: int, shown: str) -> None:
    assert status_text(facts_with("uptime_s", value=seconds)).splitlines()[0].endswith(shown)


LOG = {
    "lag_messages": 12,
    "lag_rows_estimate": 3400,
    "lag_s": 31.5,
    "lost_messages": 0,
    "partitions": 24,
    "assigned_partitions": 12,
    "paused_partitions": 3,
    "messages_read": 5678,
    "rebalances": 4,
    "letters_waiting": {},
}
TOPIC = {
    "stream": "meter_usage",
    "partitions": 24,
    "replicas": 3,
    "in_sync_min": 2,
    "under_replicated": 8,
    "reason": "",
}
KAFKA = {
    "up": True,
    "reason": "",
    "brokers": 3,
    "brokers_in_sync": 2,
    "last_error": {"at": 940.0, "reason": "no answer"},
    "topics": {"meters": TOPIC},
}


def test_consumed_stream_shows_its_lag_its_partitions_and_the_topics() -> None:
    facts = facts_with("streams", "meter_usage", "log", value=LOG) | {"kafka": KAFKA}
    lines = words(status_text(facts))
    for line in (
        "log 12 messages wait, about 3,400 rows, for 32 s",
        "12 of 24 partitions here, 3 paused, 4 rebalances",
        "letters 0 kept",
        "Kafka: up, 2 of 3 brokers in sync",
        "last error 60 s ago: no answer",
        "meters 24 2 of 3 8 5,678",
    ):
        assert line in lines, line
    assert max(map(len, status_text(facts).splitlines())) <= WIDTH


@pytest.mark.parametrize(
    ("log", "line"),
    [
        ({"lag_rows_estimate": None}, "log 12 messages wait, rows not known, for 32 s"),
        ({"lost_messages": 1200}, "1,200 messages DELETED BEFORE STORED"),
        ({"letters_waiting": {"missing": 2}}, "letters 0 kept, 2 WAIT (missing)"),
    ],
)
def test_trouble_of_the_log_is_seen(log: dict[str, object], line: str) -> None:
    facts = facts_with("streams", "meter_usage", "log", value={**LOG, **log})
    assert line in words(status_text(facts))


def test_edge_shows_what_it_has_written_and_kafka_that_is_away() -> None:
    facts = facts_with("streams", "meter_usage", "messages_written", value=9)
    unknown = {**TOPIC, "partitions": 0, "replicas": 0, "in_sync_min": 0, "under_replicated": 0}
    away = {**KAFKA, "up": False, "reason": "no answer", "topics": {"meters": unknown}}
    lines = words(status_text(facts | {"kafka": away, "questdb": None}))
    assert "Kafka: CANNOT BE USED: no answer" in lines
    assert "meters - - 0 9" in lines


def test_shards_are_named_with_their_state() -> None:
    shards = {"north": True, "south": False}
    down = {"up": False, "reason": "shard south: refused", "tables": {}, "shards": shards}
    lines = words(status_text(facts_with("questdb", value=down)))
    assert "shard north: up" in lines
    assert "shard south: DOES NOT ANSWER" in lines
