"""The facts of `/status.json` as text for a terminal, at most 100 columns wide. Pure."""

import textwrap
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

WIDTH = 100

Facts = Mapping[str, Any]
"""The document `/status.json`, or a part of it, decoded from JSON."""

_ERRORS_SHOWN = 10


def status_text(facts: Facts) -> str:
    """Return lines without a final newline; the first says whether readings are being stored.

    Args:
        facts: The whole document. Unknown numbers are shown as "-".
    """
    return "\n".join(_printable(line) for line in _lines(facts))


def _lines(facts: Facts) -> Iterator[str]:
    ready = "ready" if facts["ready"] else "NOT READY"
    yield f"{ready}, version {facts['version']}, up {_duration(facts['uptime_s'])}"
    marked = [f"! {reason}" for reason in facts["reasons"]]
    marked += [f"- {warning}" for warning in facts["warnings"]]
    for text in marked:
        yield from textwrap.wrap(text, WIDTH, initial_indent="  ", subsequent_indent="    ")
    for name, stream in facts["streams"].items():
        yield ""
        yield from _stream(name, stream, facts["now"])
    if facts["questdb"] is not None:
        yield ""
        yield from _questdb(facts["questdb"])
    if facts.get("kafka") is not None:
        yield ""
        yield from _kafka(facts["kafka"], facts["streams"], facts["now"])
    yield ""
    yield from _errors(facts["errors"])


def _stream(name: str, stream: Facts, now_s: float) -> Iterator[str]:
    states = Counter(worker["state"] for worker in stream["workers"])
    others = [f"{count} {state}" for state, count in sorted(states.items()) if state != "serving"]
    yield ", ".join([f"{name}: {states['serving']} workers serving", *others])
    now, minute, buffer = stream["now"], stream["last_minute"], stream["buffer"]
    yield from _fact(
        "rows/s",
        *(f"{_count(now.get(f'{what}_rows_per_s'))} {what}" for what in _FLOWS),
        f"{_count(now.get('requests_per_s'))} requests/s",
    )
    yield from _fact("rows", *(f"{_count(stream[f'{what}_rows'])} {what}" for what in _BOOKS))
    yield from _fact(
        "request", _pair(minute, "request"), f"{_count(minute.get('requests'))} a minute"
    )
    yield from _fact(
        "flush", _pair(minute, "flush"), f"{_count(minute.get('flush_rows_mean'))} rows each"
    )
    capacity = buffer["capacity_rows"]
    yield from _fact(
        "queue",
        f"{_count(buffer['held_rows'])} of {_count(capacity)} rows"
        f" ({_percent(buffer['held_rows'] / capacity if capacity else None)})",
        f"{_count(stream['spooled_rows'])} on disk",
    )
    last_s = stream["last_stored_at"]
    yield from _fact(
        "stored", "never" if last_s is None else f"{_duration(now_s - last_s)} ago last"
    )
    yield from _fact("way", _way(stream), f"{_count(stream['retries'])} sends repeated")
    if "log" in stream:
        yield from _log(stream["log"], stream["dead_letters"])
    yield from _refusals(stream)
    yield from _workers(stream)


_FLOWS = ("received", "stored", "refused")
_BOOKS = ("received", "stored", "rejected", "failed", "in_flight")


def _way(stream: Facts) -> str:
    first, fallback = stream["delivery"]["first"], stream["delivery"]["fallback"]
    lanes = stream["fallback_lanes"]
    if lanes:
        return f"FALLBACK {fallback}; breaker of {first} open on {lanes} lanes"
    return f"{first}; fallback {fallback}, breaker closed" if fallback else f"{first}; no fallback"


def _refusals(stream: Facts) -> Iterator[str]:
    minute = stream["last_minute"]
    lately = minute.get("refused_by_reason", {})
    since = {**stream["rejected_by_reason"], **stream["failed_by_reason"]}
    if since:
        yield ""
        yield from _table(
            ("refused rows", "last minute", "since start", "share"),
            [
                (
                    reason,
                    _count(lately.get(reason, 0)),
                    _count(rows),
                    _percent(rows / stream["received_rows"] if stream["received_rows"] else None),
                )
                for reason, rows in sorted(since.items(), key=lambda item: -item[1])
            ],
        )
    codes = minute.get("requests_by_code", {})
    if stream["requests_by_code"]:
        yield ""
        yield from _table(
            ("answers", "last minute", "since start"),
            [
                (code, _count(codes.get(code, 0)), _count(requests))
                for code, requests in stream["requests_by_code"].items()
            ],
        )


def _workers(stream: Facts) -> Iterator[str]:
    yield ""
    yield from _table(
        ("worker", "state", "memory MiB", "rows stored", "rows held"),
        [
            (
                str(worker["pid"]),
                worker["state"],
                f"{worker['memory_bytes'] / 2**20:.1f}" if worker["memory_bytes"] else "-",
                _count(worker["stored_rows"]),
                _count(worker["held_rows"]),
            )
            for worker in stream["workers"]
        ],
        left=2,
    )
    yield f"  {_count(stream['restarts'])} restarts since the start"


def _questdb(questdb: Facts) -> Iterator[str]:
    if not questdb["up"]:
        yield from textwrap.wrap(
            f"QuestDB: DOES NOT ANSWER: {questdb['reason']}", WIDTH, subsequent_indent="  "
        )
    else:
        yield "QuestDB: up"
    for name, up in questdb.get("shards", {}).items():
        yield f"  shard {name}: {'up' if up else 'DOES NOT ANSWER'}"
    if not questdb["tables"]:
        return
    yield from _table(
        ("table", "state", "wal lag", "dedup"),
        [
            (
                name,
                _table_state(table),
                _count(table["wal_lag_transactions"]),
                "on" if table["dedup"] else "OFF",
            )
            for name, table in questdb["tables"].items()
        ],
        left=2,
    )


def _log(log: Facts, dead_letters: int) -> Iterator[str]:
    rows = log["lag_rows_estimate"]
    yield from _fact(
        "log",
        f"{_count(log['lag_messages'])} messages wait",
        "rows not known" if rows is None else f"about {_count(rows)} rows",
        f"for {_duration(log['lag_s'])}",
    )
    if log["lost_messages"]:
        yield from _fact("", f"{_count(log['lost_messages'])} messages DELETED BEFORE STORED")
    yield from _fact(
        "",
        f"{log['assigned_partitions']} of {log['partitions']} partitions here",
        f"{log['paused_partitions']} paused",
        f"{_count(log['rebalances'])} rebalances",
    )
    waiting = log["letters_waiting"]
    yield from _fact(
        "letters",
        f"{_count(dead_letters)} kept",
        *(f"{_count(rows)} WAIT ({reason})" for reason, rows in waiting.items()),
    )


def _kafka(kafka: Facts, streams: Facts, now_s: float) -> Iterator[str]:
    known = f"{kafka['brokers_in_sync']} of {kafka['brokers']} brokers in sync"
    text = f"Kafka: up, {known}" if kafka["up"] else f"Kafka: CANNOT BE USED: {kafka['reason']}"
    yield from textwrap.wrap(text, WIDTH, subsequent_indent="  ")
    last = kafka["last_error"]
    if last is not None and kafka["up"]:
        text = f"last error {_duration(now_s - last['at'])} ago: {last['reason']}"
        yield from textwrap.wrap(text, WIDTH, initial_indent="  ", subsequent_indent="    ")
    yield from _table(
        ("topic", "partitions", "in sync", "behind", "messages"),
        [
            (
                name,
                _count(topic["partitions"] or None),
                f"{topic['in_sync_min']} of {topic['replicas']}" if topic["partitions"] else "-",
                _count(topic["under_replicated"]),
                _count(_messages(streams[topic["stream"]])),
            )
            for name, topic in kafka["topics"].items()
        ],
    )


def _messages(stream: Facts) -> int | None:
    """Return the messages read from a topic, or written to it."""
    log: Facts = stream.get("log", {})
    found: int | None = log.get("messages_read", stream.get("messages_written"))
    return found


def _table_state(table: Facts) -> str:
    if not table["exists"]:
        return "MISSING"
    return "SUSPENDED" if table["suspended"] else "writable"


def _errors(errors: Sequence[Facts]) -> Iterator[str]:
    if not errors:
        yield "no errors were told to clients"
        return
    yield f"last errors told to clients ({min(len(errors), _ERRORS_SHOWN)} of {len(errors)})"
    yield from _table(
        ("time", "stream", "code", "field", "line"),
        [
            (
                time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(error["at"])),
                error["stream"],
                error["code"],
                error["field"] or "-",
                _count(error["line"]),
            )
            for error in errors[:_ERRORS_SHOWN]
        ],
        left=4,
    )


def _fact(name: str, *values: str) -> Sequence[str]:
    text = f"  {name:<8} {', '.join(values)}".replace("in_flight", "in flight")
    return textwrap.wrap(text, WIDTH, subsequent_indent=" " * 11)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> Iterator[str]:
    """Yield rows below `head`; the first `left` columns are aligned left, the others right."""
    lines = (head, *rows)
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        cells = [
            cell.ljust(width) if column < left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        yield f"  {'  '.join(cells)}".rstrip()[:WIDTH]


def _printable(text: str) -> str:
    """Return a line without control characters: names of fields come from clients."""
    return "".join(character if character.isprintable() else "?" for character in text)


def _pair(minute: Facts, what: str) -> str:
    return f"p50 {_milliseconds(minute.get(f'{what}_p50_ms'))}, p99" + (
        f" {_milliseconds(minute.get(f'{what}_p99_ms'))}"
    )


def _count(number: float | None) -> str:
    return "-" if number is None else f"{number:,.0f}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _milliseconds(number: float | None) -> str:
    return "-" if number is None else f"{number:,.1f} ms"


def _duration(seconds: float) -> str:
    whole = max(0, round(seconds))
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if minutes < 2:
        return f"{whole} s"
    if hours < 2:
        return f"{minutes} min"
    return f"{hours} h {minutes % 60} min" if days < 2 else f"{days} d {hours % 24} h"
