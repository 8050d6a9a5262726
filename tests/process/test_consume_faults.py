"""`consume` under faults: frozen, killed, rebalanced, without QuestDB. Nothing lost or undone."""

import contextlib
import os
import signal
import threading
import uuid
from pathlib import Path

import msgspec
import pytest
from tests.process.late_door import late_door
from tests.process.log_topics import LogTopics, reading
from tests.process.own_questdb import OwnQuestDB
from tests.process.running_consumer import family_of, run_consumer, signal_all, worker_pids
from tests.process.running_service import MakeId, QuestDBPorts, RunningService, run_command
from tests.process.stored_tables import StoredTables, until
from tests.running_kafka import TestKafka

LONG_S = 60.0


@pytest.fixture
def topics(kafka_addr: str) -> LogTopics:
    return LogTopics(kafka_addr, uuid.uuid4().hex[:8])


def test_frozen_consumer_does_not_undo_what_its_successor_stored(
    questdb: QuestDBPorts, topics: LogTopics, tables: StoredTables, make_id: MakeId, tmp_path: Path
) -> None:
    meter = make_id("log")
    with late_door(questdb.http_port) as door:
        frozen_settings = {
            "questdb": {"ilp_http_addr": f"127.0.0.1:{door.port}"},
            "meter_usage": {"sink": {"fallback": "none", "delivery_timeout_ms": 120_000}},
        }
        with run_consumer(tmp_path, questdb, topics, frozen_settings, ready=False) as frozen:
            topics.put(reading(meter, kwh=1), key=meter)
            until(lambda: "sending again" in frozen.output(), "it tries to write", timeout_s=LONG_S)
            family = family_of(frozen)
            signal_all(family, signal.SIGSTOP)
            try:
                with run_consumer(tmp_path, questdb, topics):
                    until(
                        lambda: tables.count_meter(meter) == 1,
                        "a successor takes over",
                        timeout_s=LONG_S,
                    )
                    topics.put(reading(meter, kwh=2), key=meter)
                    until(
                        lambda: tables.meter(meter)[0]["kwh"] == 2.0,
                        "the correction is stored",
                        timeout_s=LONG_S,
                    )
                    door.open()
                    signal_all(family, signal.SIGCONT)
                    until(
                        lambda: "rows were given back unstored" in frozen.output(),
                        "the frozen consumer drops its rows",
                        timeout_s=LONG_S,
                    )
                    assert tables.meter(meter)[0]["kwh"] == 2.0
            finally:
                signal_all(family, signal.SIGCONT)


def test_killed_and_leaving_consumers_lose_and_undo_nothing(
    questdb: QuestDBPorts, topics: LogTopics, tables: StoredTables, make_id: MakeId, tmp_path: Path
) -> None:
    meters = [make_id("log") for _ in range(20)]
    versions = 30
    stop = threading.Event()

    def write() -> None:
        for version in range(1, versions + 1):
            for meter in meters:  # one record per message: a reading that is corrected, and more
                topics.put(reading(meter, 0, version), reading(meter, version, version), key=meter)
            stop.wait(0.2)

    writer = threading.Thread(target=write)
    with run_consumer(tmp_path, questdb, topics) as first:
        writer.start()
        with run_consumer(tmp_path, questdb, topics, ready=False) as second:
            until(lambda: "partitions were assigned" in second.output(), "it has partitions")
            [killed] = worker_pids(first, "meter_usage")
            os.kill(killed, signal.SIGKILL)
            until(lambda: "a worker died" in first.output(), "the death is seen")
            second.terminate()
        writer.join()
        until(
            lambda: all(topics.committed()[n] == topics.end(n) for n in range(3)),
            "everything is committed",
            timeout_s=LONG_S,
        )
        for meter in meters:  # committed means stored: there is nothing to wait for but the WAL
            rows = tables.meter(meter)
            assert [row["kwh"] for row in rows] == [
                float(versions),
                *map(float, range(1, versions + 1)),
            ]


def lag_of(consumer: RunningService) -> tuple[int, int]:
    """Return the messages that wait, and the estimate of their rows."""
    status = msgspec.json.decode(consumer.ask_operations("/status.json").body)
    log = status["streams"]["meter_usage"]["log"]
    return log["lag_messages"], log["lag_rows_estimate"]


def test_nothing_is_committed_or_lost_while_questdb_is_away(
    own: OwnQuestDB, topics: LogTopics, make_id: MakeId, tmp_path: Path
) -> None:
    meter = make_id("log")
    running = own.server.start()
    with run_consumer(tmp_path, own.addresses, topics, ready=False) as consumer:
        done = run_command("schema", "apply", "--config", str(consumer.config), cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        consumer.wait_ready()
        hours = [b"\n".join(reading(meter, 60 * n + m) for m in range(60)) for n in range(5)]
        topics.put(*hours[:2], partition=0)
        until(lambda: topics.committed()[0] == topics.end(0), "the first rows are committed")
        os.kill(running.pid, signal.SIGKILL)
        topics.put(*hours[2:], partition=0)
        until(lambda: "QuestDB" in consumer.unreadiness(), "it is not ready")
        until(lambda: lag_of(consumer) == (3, 180), "messages wait, with as many rows as before")
        assert topics.committed()[0] == 2
        own.server.stop()
        own.server.start()
        until(
            lambda: topics.committed()[0] == topics.end(0),
            "the others are committed",
            timeout_s=LONG_S,
        )
        assert own.tables.count_meter(meter) == 300
        until(lambda: lag_of(consumer) == (0, 0), "nothing waits")


def test_worker_ends_within_its_drain_time_while_the_brokers_are_frozen(
    questdb: QuestDBPorts, kafka: TestKafka, topics: LogTopics, make_id: MakeId, tmp_path: Path
) -> None:
    """Each of its threads waits for a broker: to poll, to commit, and to keep a dead letter."""
    settings = {
        "kafka": topics.settings({"dead_letter_suffix": ".nowhere"}),
        "server": {"drain_timeout_s": 8},
    }
    with run_consumer(tmp_path, questdb, topics, settings) as consumer:
        topics.put(reading(make_id("log")), partition=0)
        until(lambda: topics.committed()[0] == 1, "the first offset is committed")
        topics.put(b"no json", partition=1)
        until(lambda: "cannot keep dead letters" in consumer.output(), "a letter is not kept")
        topics.put(*(reading(make_id("log"), minute) for minute in range(50)), partition=0)
        with kafka.frozen():
            assert consumer.terminate() == 0
        assert "did not stop in time" not in consumer.output()
        assert topics.committed()[1] <= 0, "the refused record is read again"


def test_consumer_with_shards_waits_for_brokers_and_compares_before_it_reads(
    questdb: QuestDBPorts, kafka_addr: str, tables: StoredTables, make_id: MakeId, tmp_path: Path
) -> None:
    meter = make_id("log")
    topics = LogTopics(kafka_addr, uuid.uuid4().hex[:8], letter_partitions=3)
    topics.put(reading(meter), partition=2)
    one = {
        "name": "north",
        "partitions": "0-2",
        "uri": questdb.pg_uri,
        "ilp_http_addr": f"127.0.0.1:{questdb.http_port}",
    }
    with late_door(int(kafka_addr.rpartition(":")[2])) as door:
        away = {**topics.settings(), "brokers": [f"127.0.0.1:{door.port}"]}
        settings = {"kafka": away, "questdb": {"shards": [one]}}
        with run_consumer(tmp_path, questdb, topics, settings, ready=False) as consumer:
            until(lambda: "nothing is read yet" in consumer.output(), "it waits", timeout_s=LONG_S)
            until(lambda: answers_away(consumer), "it says so", timeout_s=LONG_S)
            door.open()
            consumer.wait_ready()
            until(lambda: topics.committed()[2] == 1, "it reads", timeout_s=LONG_S)
    assert tables.count_meter(meter) == 1


def answers_away(consumer: RunningService) -> bool:
    with contextlib.suppress(ConnectionError):  # its port opens a moment later
        return "the brokers do not answer" in consumer.unreadiness()
    return False
