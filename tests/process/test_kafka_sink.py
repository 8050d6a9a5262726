"""The service with `sink.kind = "kafka"`: what is answered with 202 is in the log, in order."""

import contextlib
import itertools
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
import pytest
from tests.process.running_service import MakeId, RunningService, run_command, run_service
from tests.process.stored_tables import until
from tests.running_kafka import TestKafka

from utility_ts_analytics.records.streams import MeterUsage

pytestmark = [pytest.mark.kafka, pytest.mark.process]

PATIENT_S = 240.0
NOBODY = "postgresql://admin:quest@127.0.0.1:1/qdb"


class NoQuestDB:
    """The edge needs no QuestDB: nothing answers at these ports."""

    http_port = 1
    ilp_port = 1
    pg_uri = NOBODY


def settings_of(
    kafka: TestKafka, topic: str, *, sink: Mapping[str, object] = {}, spool: Path | None = None
) -> dict[str, object]:
    """Return settings of a service whose meter readings go to `topic`."""
    into_kafka = {"kind": "kafka", "fallback": "none"}
    usage: dict[str, object] = {"sink": {**into_kafka, **sink}}
    if spool is not None:
        usage["spool"] = {"dir": str(spool)}
    return {
        "meter_usage": usage,
        "generation_output": {"sink": into_kafka},
        "kafka": {"brokers": [kafka.addr], "topics": {"meter_usage": topic}},
    }


@pytest.fixture(scope="module")
def edge(kafka: TestKafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """One service for the tests that leave the broker alone."""
    kafka.make_topic("edge")
    place = tmp_path_factory.mktemp("edge")
    with run_service(place, NoQuestDB(), settings_of(kafka, "edge")) as running:
        yield running


def lines_of(meter_ids: Sequence[str], kwh: float, minute: int = 0) -> bytes:
    ts = f"2026-01-01T00:{minute:02}:00Z"
    return b"".join(
        json.dumps({"ts": ts, "meter_id": meter_id, "kwh": kwh}).encode() + b"\n"
        for meter_id in meter_ids
    )


def read_rows(kafka: TestKafka, topic: str, count: int) -> list[MeterUsage]:
    decode = msgspec.json.Decoder(MeterUsage).decode_lines
    messages = kafka.read(topic, count)
    return [row for message in messages for row in decode(message.value() or b"")]


def test_what_is_replicated_is_read_by_any_client_in_order(
    edge: RunningService, kafka: TestKafka, make_id: MakeId
) -> None:
    meters = [make_id("m") for _ in range(20)]
    for version in range(5):
        answer = edge.post_lines(lines_of(meters, float(version)))
        document = json.loads(answer.body)
        assert (answer.status, document["ack"], document["accepted"]) == (202, "replicated", 20)
    rows = [row for row in read_rows(kafka, "edge", 100) if row.meter_id in set(meters)]
    for meter_id in meters:
        versions = [row.kwh for row in rows if row.meter_id == meter_id]
        assert versions == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert all(row.event_id for row in rows)


def test_edge_reports_kafka_and_no_questdb(edge: RunningService) -> None:
    status = json.loads(edge.ask_operations("/status.json").body)
    assert status["questdb"] is None
    assert status["kafka"]["up"]
    assert status["kafka"]["brokers"] == status["kafka"]["brokers_in_sync"] == 1
    assert status["kafka"]["topics"]["edge"] == {
        "stream": "meter_usage",
        "partitions": 4,
        "replicas": 1,
        "in_sync_min": 1,
        "under_replicated": 0,
        "reason": "",
    }
    assert status["streams"]["meter_usage"]["messages_written"] >= 1
    assert any("is on one broker only" in warning for warning in status["warnings"])
    metrics = edge.ask_operations("/metrics").body.decode()
    assert "ingestion_kafka_up 1.0" in metrics
    assert "\ningestion_questdb_up" not in metrics
    checked = run_command("check", "--config", str(edge.config), cwd=edge.config.parent)
    assert checked.returncode == 0, checked.stdout
    assert "the topic edge with 4 partitions takes messages" in checked.stdout
    shown = run_command("status", "--config", str(edge.config), cwd=edge.config.parent)
    assert "Kafka: up" in shown.stdout


def test_missing_topic_refuses_posts_until_it_is_made(kafka: TestKafka, tmp_path: Path) -> None:
    settings = settings_of(kafka, "made-later")
    with run_service(tmp_path, NoQuestDB(), settings, ready=False) as edge:
        until(lambda: "no topic made-later" in edge.unreadiness(), "the topic is missed")
        answer = edge.post_lines(lines_of(["m"], 1.0))
        assert answer.status == 503
        problem = json.loads(answer.body)
        assert problem["code"] == "schema-missing"
        assert "Kafka has no topic made-later" in problem["detail"]
        kafka.make_topic("made-later")
        edge.wait_ready()
        assert edge.post_lines(lines_of(["m"], 1.0)).status == 202


def test_nothing_acknowledged_is_lost_or_turned_around_when_the_broker_is_killed(
    kafka: TestKafka, tmp_path: Path
) -> None:
    """With a spool behind the sink, and without: half of the meters go to each of two services."""
    kafka.make_topic("killed")
    kafka.make_topic("killed-spool")
    sink = {"request_timeout_ms": 3000, "delivery_timeout_ms": 6000, "max_batch_linger_ms": 20}
    plain = settings_of(kafka, "killed", sink=sink)
    spooling = settings_of(kafka, "killed-spool", sink=sink, spool=tmp_path / "spool")
    places = [tmp_path / "plain", tmp_path / "spooling"]
    for place in places:
        place.mkdir()
    with (
        run_service(places[0], NoQuestDB(), plain) as first,
        run_service(places[1], NoQuestDB(), spooling) as second,
    ):
        posters = [Poster(first), Poster(second)]
        for poster in posters:
            poster.start()
        with contextlib.ExitStack() as stops:
            for poster in posters:
                stops.callback(poster.stop)
            until(
                lambda: all(p.acknowledged > 5 for p in posters),
                "posts are taken",
                timeout_s=PATIENT_S,
            )
            with kafka.killed():
                until(lambda: "spooled" in posters[1].acks, "rows are spooled", timeout_s=PATIENT_S)
            counts = [poster.acknowledged for poster in posters]
            until(
                lambda: all(p.acknowledged > n + 5 for p, n in zip(posters, counts, strict=True)),
                "posts are taken again",
                timeout_s=PATIENT_S,
            )
        assert posters[1].acks <= {"spooled", "replicated"}
        assert posters[0].acks == {"replicated"}
        until(lambda: _spooled_rows(second) == 0, "the spool is empty", timeout_s=PATIENT_S)
    for poster, topic in zip(posters, ["killed", "killed-spool"], strict=True):
        versions = [row.kwh for row in read_rows(kafka, topic, poster.acknowledged)]
        assert poster.accepted <= set(versions)
        # A batch may be in the log twice; what counts is where each version is last.
        last_at = {version: index for index, version in enumerate(versions)}
        assert sorted(last_at, key=lambda version: last_at[version]) == sorted(last_at)


def _spooled_rows(service: RunningService) -> int:
    status = json.loads(service.ask_operations("/status.json").body)
    return int(status["streams"]["meter_usage"]["spooled_rows"])


class Poster:
    """Posts versions of one reading, one after the other, again until each is taken."""

    def __init__(self, service: RunningService) -> None:
        self.acks: set[str] = set()
        self.accepted: set[float] = set()
        self._service = service
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run)

    @property
    def acknowledged(self) -> int:
        return len(self.accepted)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        for version in itertools.count():
            while not self._stopped.wait(0.05):
                answer = None
                with contextlib.suppress(OSError):  # late: sent again, as a producer does
                    answer = self._service.post_lines(lines_of(["m"], float(version)))
                if answer is not None and answer.status == 202:
                    self.acks.add(json.loads(answer.body)["ack"])
                    self.accepted.add(float(version))
                    break
            if self._stopped.is_set():
                return
