"""Several QuestDBs as shards: `consume`, the commands over all of them, and a range that moves.

One story, to share two consumers and three QuestDBs: each test goes on from the one before.
"""

import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest
from tests.process.log_topics import SUFFIX, LogTopics, reading
from tests.process.own_questdb import OwnQuestDB
from tests.process.running_consumer import run_consumer
from tests.process.running_service import (
    RunningService,
    Section,
    run_command,
)
from tests.process.shard_configs import config_of, shards
from tests.process.stored_tables import until

from utility_ts_analytics.sinks.kafka.partitioning import partition_of

LONG_S = 60.0
PARTITIONS = 6
METERS = [f"shard-{number}" for number in range(60)]


@pytest.fixture(scope="module")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, OwnQuestDB]]:
    """North and south, and another one that takes the place of the first."""
    with ExitStack() as running:
        found = {}
        for name in ("north", "south", "north2"):
            found[name] = OwnQuestDB(tmp_path_factory.mktemp(name))
            running.callback(found[name].server.stop)
            found[name].server.start()
        yield found


@pytest.fixture(scope="module")
def topics(kafka_addr: str) -> LogTopics:
    name = uuid.uuid4().hex[:8]
    return LogTopics(kafka_addr, name, PARTITIONS, letter_partitions=PARTITIONS)


BEFORE: Section = {"north": "0-2", "south": [3, "4-5"]}
AFTER: Section = {"north2": "0-1", "south": "2-5"}


@pytest.fixture(scope="module")
def config(
    databases: Mapping[str, OwnQuestDB], topics: LogTopics, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The configuration before the move, with tables in both shards."""
    config = config_of(tmp_path_factory.mktemp("before"), databases, topics, BEFORE)
    run_well("schema", "apply", config=config)
    return config


@pytest.fixture(scope="module")
def consumer(
    databases: Mapping[str, OwnQuestDB],
    topics: LogTopics,
    config: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RunningService]:
    place = tmp_path_factory.mktemp("consume")
    settings = {"questdb": shards(databases, BEFORE)}
    with run_consumer(place, databases["north"].addresses, topics, settings) as running:
        yield running


def run_well(*words: str, config: Path) -> str:
    done = run_command(*words, "--config", str(config), cwd=config.parent, timeout_s=LONG_S)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def put(topics: LogTopics, meter: str, minute: int, kwh: float = 1.0) -> None:
    """Write a reading as a producer with the partitions of Java clients does."""
    topics.put(reading(meter, minute, kwh), partition=partition_of(meter, PARTITIONS))


def wait_committed(topics: LogTopics) -> None:
    def done() -> bool:
        committed = topics.committed()
        ends = {number: topics.end(number) for number in range(PARTITIONS)}
        return all(committed[number] == end for number, end in ends.items() if end)

    until(done, "everything is committed", timeout_s=LONG_S)


def test_config_that_misses_partitions_of_the_topic_is_refused_at_the_start(
    databases: Mapping[str, OwnQuestDB], topics: LogTopics, tmp_path: Path
) -> None:
    config = config_of(tmp_path, databases, topics, {"north": "0-2", "south": "3"})
    done = run_command("consume", "--config", str(config), cwd=tmp_path)
    assert done.returncode == 2
    assert "has 6 partitions, and no shard has 4-5 (north: 0-2, south: 3)" in done.stderr


def test_commands_that_cannot_follow_shards_are_refused(config: Path) -> None:
    (config.parent / "readings.ndjson").write_bytes(reading("m"))
    refused = {
        ("serve",): "meter_usage.sink.kind",
        ("load", "readings.ndjson", "--into", "meter_usage"): "load",
        ("feeder-balance", "--from", "2024-05-01", "--to", "2024-05-02"): "feeder-balance",
    }
    for words, named in refused.items():
        done = run_command(*words, "--config", str(config), cwd=config.parent)
        assert done.returncode == 2, words
        assert named in done.stderr
        assert "questdb.shards" in done.stderr


def test_each_partition_goes_to_its_shard(
    consumer: RunningService,
    databases: Mapping[str, OwnQuestDB],
    topics: LogTopics,
    config: Path,
) -> None:
    for meter in METERS:
        put(topics, meter, 0)
    wait_committed(topics)
    for meter in METERS:
        right, wrong = (
            ("north", "south")
            if partition_of(meter, PARTITIONS) < 3
            else (
                "south",
                "north",
            )
        )
        assert databases[right].tables.count_meter(meter) == 1
        assert databases[wrong].tables.count_meter(meter) == 0
    found = run_well("check", config=config)
    assert "every partition has one shard: north 0-2, south 3-5" in found
    assert "shard south: 12 tables are as sql/schema says" in found
    found = run_well("shards", "check", config=config)
    assert "shard north: " in found
    assert found.count("meter_ids of meter_usage, each of its partitions") == 2
    metrics = consumer.ask_operations("/metrics").body.decode()
    assert 'ingestion_shard_up{shard="south"} 1.0' in metrics
    assert 'ingestion_table_suspended{table="north/meter_usage"} 0.0' in metrics


def test_archive_and_answers_have_the_rows_of_all_shards(
    consumer: RunningService, config: Path
) -> None:
    """`consumer` has stored one reading per meter by now."""

    def meters() -> set[str]:
        words = ("meter_peaks", "--from", "2024-05-01", "--to", "2024-05-02", "--format", "json")
        folder = ("--dir", str(archive))
        answer = msgspec.json.decode(run_well("analyze", *words, *folder, config=config))
        assert len(answer) == len(METERS)
        return {row["meter_id"] for row in answer}

    archive = config.parent / "archive"
    archive.mkdir()
    assert meters() == set(METERS)
    done = run_well("archive", "--dir", str(archive), config=config)
    assert "north/meter_usage: 1 files, 1 written" in done
    assert "south/meter_usage: 1 files, 1 written" in done
    files = sorted(path.name for path in archive.glob("meter_usage/day=2024-05-01/*.parquet"))
    assert files == ["north.parquet", "south.parquet"]
    assert meters() == set(METERS)
    verified = run_well("archive", "--dir", str(archive), "--verify", config=config)
    assert "2 files with 60 rows read: 2 as in QuestDB" in verified


def test_refused_record_is_replayed_into_its_shard(
    consumer: RunningService, databases: Mapping[str, OwnQuestDB], topics: LogTopics, tmp_path: Path
) -> None:
    meter = next(meter for meter in METERS if partition_of(meter, PARTITIONS) == 4)
    put(topics, meter, 5, kwh=-1.0)
    until(lambda: topics.end(4, topics.topic + SUFFIX) == 1, "the letter is in its partition")
    wait_committed(topics)
    config = tmp_path / "replay.toml"
    text = consumer.config.read_text()
    config.write_text(
        text.replace("[meter_usage.source]", "[meter_usage.source]\nallow_negative = true")
    )
    assert "1 records stored" in run_well("consume", "--replay-dead-letters", config=config)
    assert [row["kwh"] for row in databases["south"].tables.meter(meter)] == [1.0, -1.0]


def test_shard_that_is_away_holds_up_its_own_partitions_only(
    consumer: RunningService, databases: Mapping[str, OwnQuestDB], topics: LogTopics
) -> None:
    south = databases["south"]
    north_meters = [meter for meter in METERS if partition_of(meter, PARTITIONS) < 3]
    before = {n: topics.end(n) for n in range(PARTITIONS)}
    south.server.stop()
    try:
        until(lambda: "shard south: " in consumer.unreadiness(), "the status names the shard")
        # More than the backlog holds, so that partitions are paused.
        far = next(meter for meter in METERS if partition_of(meter, PARTITIONS) == 3)
        wide = [reading(far, minute, padding="x" * 600_000) for minute in range(100, 114)]
        topics.put(*wide, partition=3)
        for meter in METERS:
            put(topics, meter, 1)
        until(
            lambda: all(topics.committed()[n] == topics.end(n) for n in range(3)),
            "the partitions of the other shard go on",
            timeout_s=LONG_S,
        )
        assert all(topics.committed()[n] == before[n] for n in range(3, PARTITIONS))
        assert {databases["north"].tables.count_meter(meter) for meter in north_meters} == {2}
        questdb = msgspec.json.decode(consumer.ask_operations("/status.json").body)["questdb"]
        assert questdb["shards"] == {"north": True, "south": False}
    finally:
        south.server.start()
    wait_committed(topics)
    consumer.wait_ready()
    assert south.tables.count_meter(far) == 2 + len(wide)


def test_range_moves_to_another_shard(
    consumer: RunningService,
    databases: Mapping[str, OwnQuestDB],
    topics: LogTopics,
    config: Path,
    tmp_path: Path,
) -> None:
    """The procedure of docs/KAFKA.md. Last: it ends the consumer of this module."""
    after = config_of(tmp_path / "after", databases, topics, AFTER)
    fill = ("shards", "fill", "--from", str(config))
    done = run_command(*fill, "--config", str(after), cwd=tmp_path)
    assert done.returncode == 1
    assert "stop consume everywhere" in done.stderr
    assert consumer.terminate(LONG_S) == 0
    for meter in METERS:  # while it moves, readings wait in the log
        put(topics, meter, 2)
        put(topics, meter, 0, kwh=9.0)
    run_well("schema", "apply", config=after)
    sent = run_well(*fill, config=after)
    assert "to north2" in sent
    assert "to south" in sent
    assert "rows sent: none" in run_well(*fill, config=after).partition("generation")[0]
    for meter in METERS:
        if partition_of(meter, PARTITIONS) < 3:  # all values, event ids included
            now = "north2" if partition_of(meter, PARTITIONS) < 2 else "south"
            assert databases[now].tables.meter(meter) == databases["north"].tables.meter(meter)
    assert run_well("shards", "check", config=after).count("each of its partitions") == 4

    kept = config_of(tmp_path / "kept", databases, topics, {"north": "0-1", "south": "2-5"})
    done = run_command(*fill, "--config", str(kept), cwd=tmp_path)
    assert done.returncode == 2
    assert "shard north (" in done.stderr
    assert "gives partitions away" in done.stderr

    settings = {"questdb": shards(databases, AFTER)}
    with run_consumer(tmp_path, databases["south"].addresses, topics, settings):
        wait_committed(topics)
    # A late copy undoes nothing.
    run_well(*fill, config=after)
    run_well("shards", "check", config=after)
    for meter in METERS:
        partition = partition_of(meter, PARTITIONS)
        right, wrong = ("north2", "south") if partition < 2 else ("south", "north2")
        rows = [row["kwh"] for row in databases[right].tables.meter(meter)]
        assert rows[:3] == [9.0, 1.0, 1.0], meter
        assert databases[wrong].tables.count_meter(meter) == 0


def test_keys_in_a_wrong_shard_are_named(
    databases: Mapping[str, OwnQuestDB], topics: LogTopics, tmp_path: Path
) -> None:
    """After the move. A key in two shards, and one in the wrong one alone."""
    after = config_of(tmp_path / "after", databases, topics, AFTER)
    stray = next(meter for meter in METERS if partition_of(meter, PARTITIONS) == 5)
    lone = next(f"lone-{n}" for n in range(99) if partition_of(f"lone-{n}", PARTITIONS) == 5)
    north2 = databases["north2"].tables
    for meter in (stray, lone):
        north2.execute(
            f"INSERT INTO meter_usage (ts, meter_id, kwh) VALUES ('2024-05-01', '{meter}', 1)"
        )
    north2.wait_applied("meter_usage")
    done = run_command("shards", "check", "--config", str(after), cwd=tmp_path)
    assert done.returncode == 1
    belongs = "of meter_usage (partition 5) belongs to shard south"
    assert f"meter_id '{stray}' {belongs} and is in both" in done.stdout
    assert f"meter_id '{lone}' {belongs} and is not there" in done.stdout
