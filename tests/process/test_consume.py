"""`consume` with a real broker and a real QuestDB: what it takes, and what it refuses."""

import secrets
import uuid
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import Producer
from playwright.sync_api import expect
from tests.process.log_topics import ANSWER_S, SUFFIX, LogTopics, reading
from tests.process.running_consumer import run_consumer
from tests.process.running_service import MakeId, QuestDBPorts, RunningService, run_command
from tests.process.status_browser import running_browser, status_tab
from tests.process.stored_tables import StoredTables, until

from utility_ts_analytics.sinks.kafka.messages import headers_of

FOREIGN = {"ts": "read_at", "meter_id": "device", "kwh": "energy"}


@pytest.fixture(scope="module")
def topics(kafka_addr: str) -> LogTopics:
    return LogTopics(kafka_addr, uuid.uuid4().hex[:8])


@pytest.fixture(scope="module")
def consumer(
    questdb: QuestDBPorts, topics: LogTopics, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningService]:
    place = tmp_path_factory.mktemp("consume")
    with run_consumer(place, questdb, topics) as running:
        yield running


def wait_stored(tables: StoredTables, meter_id: str, count: int) -> list[float]:
    until(lambda: tables.count_meter(meter_id) == count, f"{count} rows of {meter_id}")
    return [float(str(row["kwh"])) for row in tables.meter(meter_id)]


def test_our_messages_are_stored_and_then_committed(
    consumer: RunningService, topics: LogTopics, tables: StoredTables, make_id: MakeId
) -> None:
    meter = make_id("log")
    lines = b"".join(reading(meter, minute, minute) + b"\n" for minute in range(50))
    topics.put(lines, partition=1, headers=headers_of("meter_usage", 50, ["r1"]))
    assert wait_stored(tables, meter, 50) == [float(minute) for minute in range(50)]
    until(lambda: topics.committed()[1] == topics.end(1), "the offset is committed")


def test_messages_of_others_are_records_arrays_and_lines(
    consumer: RunningService, topics: LogTopics, tables: StoredTables, make_id: MakeId
) -> None:
    meter = make_id("log")
    one, two, three = reading(meter, 0, 1), reading(meter, 1, 2), reading(meter, 2, 3)
    four, five, six, seven = (reading(meter, n, n + 1) for n in range(3, 7))
    spread = msgspec.json.format(five, indent=2)
    topics.put(one, key=meter)  # a record
    topics.put(b"[" + two + b",\n " + three + b"]", b"\x00\x00\x00\x00\x07" + four, spread, None)
    topics.put(b"\xef\xbb\xbf" + six + b"\r\n\n" + seven)
    assert wait_stored(tables, meter, 7) == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]


def test_messages_larger_than_what_is_asked_of_a_partition_are_read(
    consumer: RunningService, topics: LogTopics, tables: StoredTables, make_id: MakeId
) -> None:
    """In every partition at once; nothing in them can be compressed. Unknown fields are ignored."""
    meter = make_id("log")
    for minute in range(6):
        note = secrets.token_urlsafe(300_000)
        topics.put(reading(meter, minute, minute, note=note), partition=minute % 3)
    assert wait_stored(tables, meter, 6) == [float(minute) for minute in range(6)]


def test_refused_records_are_kept_as_they_stood_and_replayed(
    consumer: RunningService,
    topics: LogTopics,
    tables: StoredTables,
    make_id: MakeId,
    tmp_path: Path,
) -> None:
    meter, late = make_id("log"), make_id("log")
    bad = b'{"ts":"2024-05-01T00:00:00Z","meter_id":"' + meter.encode() + b'","kwh":"high"}'
    negative = reading(late, 0, -1)
    offset = topics.end(2)
    topics.put(reading(meter, 0, 1) + b"\n" + bad, negative, b"no json", key=meter, partition=2)
    wait_stored(tables, meter, 1)
    letters = {letter.value: letter for letter in topics.dead_letters(3)}
    assert set(letters) == {bad, negative, b"no json"}
    found = letters[bad].headers
    assert found["dead-letter-code"] == b"wrong-type"
    assert found["dead-letter-field"] == b"kwh"
    assert found["dead-letter-topic"] == topics.topic.encode()
    assert (found["dead-letter-partition"], found["dead-letter-line"]) == (b"2", b"2")
    assert found["dead-letter-offset"] == b"%d" % offset
    assert letters[bad].key == meter.encode()
    until(lambda: topics.committed()[2] == topics.end(2), "the offset is committed")

    # The cause is removed: negative values are allowed now.
    config = tmp_path / "replay.toml"
    text = consumer.config.read_text()
    config.write_text(
        text.replace("[meter_usage.source]", "[meter_usage.source]\nallow_negative = true")
    )
    replayed = run_command(
        "consume", "--replay-dead-letters", "--config", str(config), cwd=tmp_path
    )
    assert replayed.returncode == 0, replayed.stderr + replayed.stdout
    assert "meter_usage: 1 records stored, 2 refused again" in replayed.stdout
    assert wait_stored(tables, late, 1) == [-1.0]
    again = topics.dead_letters(5)[3:]
    assert {letter.value for letter in again} == {bad, b"no json"}
    assert {letter.headers["dead-letter-topic"] for letter in again} == {topics.topic.encode()}
    assert topics.committed(topics.topic + SUFFIX, f"{topics.group}.replay")[0] == 3


def test_gaps_of_transactions_are_no_loss(
    consumer: RunningService, topics: LogTopics, make_id: MakeId, tables: StoredTables
) -> None:
    meter, before = make_id("log"), topics.end(2)
    producer = Producer({"bootstrap.servers": topics.addr, "transactional.id": meter})
    producer.init_transactions(ANSWER_S)
    for minute, end in enumerate([producer.abort_transaction, producer.commit_transaction] * 2):
        producer.begin_transaction()
        producer.produce(topics.topic, reading(meter, minute), partition=2)
        producer.flush(ANSWER_S)
        end(ANSWER_S)
    topics.put(reading(meter, 4), partition=2)
    wait_stored(tables, meter, 3)
    assert topics.end(2) == before + 4 + 4 + 1, "each transaction has left a marker"
    # The last marker may come behind the last message, and no commit counts it.
    until(lambda: topics.committed()[2] >= before + 8, "all is committed")
    assert "deleted before they were stored" not in consumer.output()


def test_metrics_and_status_tell_the_lag(
    consumer: RunningService, topics: LogTopics, make_id: MakeId, tables: StoredTables
) -> None:
    meter = make_id("log")
    topics.put(reading(meter))
    wait_stored(tables, meter, 1)

    def caught_up() -> bool:
        text = consumer.ask_operations("/metrics").body.decode()
        wanted = 'ingestion_log_lag_messages{partition="0",stream="meter_usage"} 0.0'
        return wanted in text

    until(caught_up, "the lag is 0")
    log = msgspec.json.decode(consumer.ask_operations("/status.json").body)["streams"][
        "meter_usage"
    ]["log"]
    assert log["partitions"] == log["assigned_partitions"] == 3
    assert log["messages_read"] >= 1


def test_status_page_shows_the_log_as_the_figures_have_it(
    consumer: RunningService, topics: LogTopics, make_id: MakeId, tables: StoredTables
) -> None:
    meter = make_id("log")
    topics.put(reading(meter))
    wait_stored(tables, meter, 1)
    with running_browser() as browser, status_tab(browser) as seen:
        seen.open(f"http://127.0.0.1:{consumer.ports.operations}/")
        expect(seen.page.locator("#kafka-state")).to_have_text("up")
        with seen.frozen() as document:
            log = document["streams"]["meter_usage"]["log"]
            assert seen.text("#kafka-brokers") == "1 of 1"
            found = {row[0]: row[2:] for row in seen.table("#topics")}
            assert found[topics.topic] == ["3", "1 of 1", f"{log['messages_read']:,}"]
            assert seen.part("meter_usage", "partitions").startswith("3 of 3 here")
            kept = document["streams"]["meter_usage"]["dead_letters"]
            assert seen.part("meter_usage", "letters") == f"{kept:,} kept"
            waits = seen.part("meter_usage", "lag")
            assert (waits == "nothing") == (log["lag_messages"] == 0)
            seen.assert_fits()
            seen.assert_accessible()


def test_foreign_names_are_mapped(
    questdb: QuestDBPorts, kafka_addr: str, tables: StoredTables, make_id: MakeId, tmp_path: Path
) -> None:
    topics, meter = LogTopics(kafka_addr, uuid.uuid4().hex[:8]), make_id("log")
    first = msgspec.json.encode(
        {"read_at": "2024-05-01T00:00:00Z", "device": meter, "energy": 7.5, "kwh": "no number"}
    )
    topics.put(first, key=meter)
    topics.put(reading(meter, 1, 8), headers=headers_of("meter_usage", 1, []))  # ours: as it is
    topics.put(first.replace(b"7.5", b'"x"'))
    settings = {"kafka": topics.settings({"group_protocol": "consumer"}, FOREIGN)}
    with run_consumer(tmp_path, questdb, topics, settings):
        assert wait_stored(tables, meter, 2) == [7.5, 8.0]
        [letter] = topics.dead_letters(1)
    assert letter.value == first.replace(b"7.5", b'"x"')
    assert letter.headers["dead-letter-field"] == b"kwh"
