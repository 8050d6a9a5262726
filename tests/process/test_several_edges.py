"""Several edges before one log: posts to two at once, retries at another one, an edge that dies.

One broker, two `serve` that know nothing of each other, and one `consume` for all tests.
"""

import http.client
import signal
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence

import msgspec
import pytest
from tests.process.log_topics import LogTopics, reading
from tests.process.raw_http import NDJSON, Answer
from tests.process.running_consumer import family_of, run_consumer, signal_all
from tests.process.running_service import MakeId, QuestDBPorts, RunningService, run_service
from tests.process.stored_tables import StoredTables, until
from tests.running_kafka import TestKafka

from utility_ts_analytics.records.streams import MeterUsage

pytestmark = [pytest.mark.kafka, pytest.mark.process, pytest.mark.questdb]

LONG_S = 60.0
PARTITIONS = 3
PATH = "/ingest/meter_usage/ndjson"

_decode = msgspec.json.Decoder(MeterUsage).decode_lines


@pytest.fixture(scope="module")
def topics(kafka: TestKafka) -> LogTopics:
    return LogTopics(kafka.addr, uuid.uuid4().hex[:8], PARTITIONS)


@pytest.fixture(scope="module")
def consumer(
    questdb: QuestDBPorts, topics: LogTopics, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningService]:
    with run_consumer(tmp_path_factory.mktemp("consume"), questdb, topics) as running:
        yield running


@pytest.fixture(scope="module")
def edges(
    consumer: RunningService,
    questdb: QuestDBPorts,
    topics: LogTopics,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[RunningService, RunningService]]:
    """Two edges that write into the same topics."""
    into_log = {"sink": {"kind": "kafka", "fallback": "none"}}
    settings = {
        "kafka": topics.settings(),
        "meter_usage": into_log,
        "generation_output": into_log,
    }
    one, other = tmp_path_factory.mktemp("edge"), tmp_path_factory.mktemp("edge")
    with (
        run_service(one, questdb, settings) as first,
        run_service(other, questdb, settings) as second,
    ):
        yield first, second


def replicated(answer: Answer) -> int:
    """Return how many rows a 202 says are in the log."""
    assert answer.status == 202, answer
    summary = answer.summary()
    assert (summary.ack, summary.errors) == ("replicated", [])
    return summary.accepted


def rows_in_log(kafka: TestKafka, topics: LogTopics, meter: str) -> list[MeterUsage]:
    """Return a meter's readings in the order of the log, as a client that is not ours reads it."""
    rows = (row for message in kafka.read(topics.topic) for row in _decode(message.value() or b""))
    return [row for row in rows if row.meter_id == meter]


def wait_stored(topics: LogTopics) -> None:
    """Return once everything in the log is committed, and so stored."""

    def done() -> bool:
        committed = topics.committed()
        ends = {number: topics.end(number) for number in range(PARTITIONS)}
        return all(committed[number] == end for number, end in ends.items() if end)

    until(done, "everything in the log is stored", timeout_s=LONG_S)


def together(*steps: Callable[[], None]) -> None:
    """Run all steps at once; the first error of any is raised here."""
    failed: list[BaseException] = []
    at_once = threading.Barrier(len(steps))

    def run(step: Callable[[], None]) -> None:
        try:
            at_once.wait(LONG_S)
            step()
        except BaseException as error:  # noqa: BLE001 - raised below
            failed.append(error)

    threads = [threading.Thread(target=run, args=(step,)) for step in steps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for error in failed:
        raise error


class Client:
    """Posts one reading after the other; at the next edge where one does not answer."""

    def __init__(self, meter: str, edges: Sequence[RunningService]) -> None:
        self.meter = meter
        self.acknowledged = 0
        self._edges = edges
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        at = 0
        while not self._stopped.wait(0.05):
            body = reading(self.meter, self.acknowledged, self.acknowledged)
            try:
                self.acknowledged += replicated(self._edges[at].post_lines(body))
            except (OSError, http.client.HTTPException):
                at = (at + 1) % len(self._edges)


def test_same_reading_posted_to_two_edges_at_once_ends_as_it_is_last_in_the_log(
    edges: tuple[RunningService, RunningService],
    kafka: TestKafka,
    topics: LogTopics,
    tables: StoredTables,
    make_id: MakeId,
) -> None:
    """Both posts are answered with 202; the log alone decides, for every reader of it."""
    meters = [make_id("both") for _ in range(12)]
    rounds = 10

    def post_all(edge: RunningService, first_version: int) -> None:
        for number in range(rounds):
            version = float(2 * number + first_version)
            body = b"\n".join(reading(meter, 0, version) for meter in meters)
            assert replicated(edge.post_lines(body)) == len(meters)

    together(lambda: post_all(edges[0], 0), lambda: post_all(edges[1], 1))
    wait_stored(topics)
    for meter in meters:
        rows = rows_in_log(kafka, topics, meter)
        versions = [row.kwh for row in rows]
        assert sorted(versions) == [float(version) for version in range(2 * rounds)]
        # Each edge's own versions are in the order of their answers.
        for parity in (0, 1):
            own = [version for version in versions if version % 2 == parity]
            assert own == sorted(own)
        [stored] = tables.meter(meter)
        assert (stored["kwh"], stored["event_id"]) == (rows[-1].kwh, rows[-1].event_id)


def test_post_after_an_answer_wins_whichever_edge_takes_it(
    edges: tuple[RunningService, RunningService],
    kafka: TestKafka,
    topics: LogTopics,
    tables: StoredTables,
    make_id: MakeId,
) -> None:
    meter = make_id("turns")
    for version in range(10):
        assert replicated(edges[version % 2].post_lines(reading(meter, 0, version))) == 1
    wait_stored(topics)
    in_log = [row.kwh for row in rows_in_log(kafka, topics, meter)]
    assert in_log == [float(version) for version in range(10)]
    assert [row["kwh"] for row in tables.meter(meter)] == [9.0]


def test_same_body_at_two_edges_leaves_each_reading_once(
    edges: tuple[RunningService, RunningService],
    kafka: TestKafka,
    topics: LogTopics,
    tables: StoredTables,
    make_id: MakeId,
) -> None:
    """At once, as an impatient load balancer sends it, and again later, as a client does."""
    meters = [make_id("again") for _ in range(3)]
    body = b"\n".join(reading(meter, minute, minute) for meter in meters for minute in range(50))

    def post(edge: RunningService) -> None:
        assert replicated(edge.post_lines(body)) == 150

    together(lambda: post(edges[0]), lambda: post(edges[1]))
    post(edges[1])
    wait_stored(topics)
    for meter in meters:
        rows = rows_in_log(kafka, topics, meter)
        assert len(rows) == 150  # the log has what was posted; the table has each reading once
        ids = {(row.ts, row.event_id) for row in rows}
        assert len(ids) == 50
        stored = tables.meter(meter)
        assert [row["kwh"] for row in stored] == [float(minute) for minute in range(50)]
        assert {row["event_id"] for row in stored} == {event_id for _, event_id in ids}


def test_edge_killed_in_mid_request_loses_nothing_of_what_was_acknowledged(
    edges: tuple[RunningService, RunningService],
    kafka: TestKafka,
    topics: LogTopics,
    tables: StoredTables,
    make_id: MakeId,
) -> None:
    """A long body is cut off with part of it in the log, and posted again at the other edge.

    Beside it, clients post readings one by one and go to the other edge once this one is gone.
    """
    first, second = edges
    meter = make_id("cut")
    # Several blocks of lines: the first of them is in the log before the body ends.
    lines = [reading(meter, minute, minute, source_system="x" * 200) for minute in range(1400)]
    halves = [b"\n".join(lines[:1000]) + b"\n", b"\n".join(lines[1000:]) + b"\n"]
    clients = [Client(make_id("kept"), [first, second]) for _ in range(4)]
    for client in clients:
        client.start()
    try:
        until(lambda: all(client.acknowledged > 3 for client in clients), "posts are taken")
        with first.connect() as connection:
            connection.send_head(PATH, {"content-type": NDJSON, "transfer-encoding": "chunked"})
            connection.send_chunk(halves[0])
            until(
                lambda: bool(rows_in_log(kafka, topics, meter)),
                "rows of the unfinished body are in the log",
            )
            signal_all(family_of(first), signal.SIGKILL)
            first.process.wait(LONG_S)
            assert connection.answer_or_closed() is None
        counts = [client.acknowledged for client in clients]
        assert replicated(second.post_lines(b"".join(halves))) == len(lines)
        until(
            lambda: all(
                client.acknowledged > count + 3
                for client, count in zip(clients, counts, strict=True)
            ),
            "the other edge takes their posts",
        )
    finally:
        for client in clients:
            client.stop()
        first.start()
    first.wait_ready()
    wait_stored(topics)
    assert [row["kwh"] for row in tables.meter(meter)] == [float(n) for n in range(len(lines))]
    for client in clients:
        # The last one may be stored without an answer: `stop` does not wait for it.
        stored = [row["kwh"] for row in tables.meter(client.meter)]
        assert stored == [float(minute) for minute in range(len(stored))]
        assert client.acknowledged <= len(stored) <= client.acknowledged + 1
