"""Fixtures for all tests: a real QuestDB with the schema, and a real broker, each started once."""

import asyncio
import gc
import gzip
import json
import os
import select
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from tests.class_archive import JAVA_OPTIONS, questdb_java_options
from tests.running_kafka import TestKafka
from tests.turns import TurnsByFile
from xdist.remote import Producer

from utility_ts_analytics.database.embedded_questdb import server_settings
from utility_ts_analytics.database.embedded_questdb.server import EmbeddedQuestDB, RunningQuestDB
from utility_ts_analytics.database.embedded_questdb.server_settings import port_taken
from utility_ts_analytics.database.pool import connected
from utility_ts_analytics.database.reference_csv import insert_csv
from utility_ts_analytics.database.schema import apply_schema
from utility_ts_analytics.database.table_spec import table_specs
from utility_ts_analytics.reading.lines import LineBlock
from utility_ts_analytics.reading.ndjson import NdjsonDecoder
from utility_ts_analytics.records.streams import STREAMS
from utility_ts_analytics.records.validation import TS_END
from utility_ts_analytics.sinks.ilp.encode import row_encoder

# How long an example takes says more about the machine than about the code.
settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")

# Collected tests are no garbage: looking for some among them took two fifths of collecting them.
gc.disable()

# QuestDB settings in the environment of the tests must not reach the servers under test.
for _name in [name for name in os.environ if name.startswith("QDB_")]:
    del os.environ[_name]
# Most servers of a run live for seconds: code that is compiled once is enough for them, and takes
# half the time to start; and a collection of garbage that QuestDB asks for is no use to them.
os.environ[JAVA_OPTIONS] = "-XX:TieredStopAtLevel=1 -XX:ParallelGCThreads=1 -XX:+DisableExplicitGC"
# Several servers wait beside each other for minutes: workers without work sleep soon, and longer.
for _pools, _sleep in (
    ("SHARED WAL_APPLY", "20"),
    ("MAT_VIEW_REFRESH VIEW_COMPILER EXPORT", "100"),
):
    for _pool in _pools.split():
        os.environ[f"QDB_{_pool}_WORKER_SLEEP_THRESHOLD"] = "200"
        os.environ[f"QDB_{_pool}_WORKER_SLEEP_TIMEOUT"] = _sleep


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> TurnsByFile | None:
    """Let files that share a server take turns on one worker."""
    return TurnsByFile(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_collection_finish() -> None:
    """From now on look for garbage, but not among what was collected."""
    gc.freeze()
    gc.enable()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Make every QuestDB of the tests map the archive of classes."""
    if item.get_closest_marker("questdb"):
        os.environ[JAVA_OPTIONS] = questdb_java_options()


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name a case by its argument (None: pytest's own way) where its bytes are no text.

    gzip writes the second into its head, and two workers have to collect the same names.
    """
    if isinstance(val, bytes) and not val.isascii():
        return "bytes"
    return None


HEAP_MIB = 256
ANSWER_TIMEOUT_S = 30.0
GONE_TIMEOUT_S = 15.0
SAMPLES = Path(__file__).parents[1] / "data-samples"


class TestQuestDB:
    """A real QuestDB with the schema applied, and what tests ask of it.

    Tables are shared by the whole session: a test truncates those it counts in, and never drops
    one of the schema.
    """

    __test__ = False

    def __init__(self, data_dir: Path, *, stock: bool = False) -> None:
        self._stock = stock
        # Lets a test suspend a table of its own: ALTER TABLE t SUSPEND WAL.
        environ = {**os.environ, "QDB_DEV_MODE_ENABLED": "true"}
        self.server = EmbeddedQuestDB(data_dir, heap_mib=HEAP_MIB, environ=environ)
        self.running: RunningQuestDB

    @property
    def http_port(self) -> int:
        return self.running.http_port

    @property
    def pg_port(self) -> int:
        return self.running.pg_port

    @property
    def ilp_port(self) -> int:
        return self.running.ilp_port

    @property
    def health_port(self) -> int:
        return self.running.health_port

    @property
    def pg_uri(self) -> str:
        return self.running.pg_uri

    @property
    def http_addr(self) -> str:
        return self.running.http_addr

    @property
    def ilp_tcp_addr(self) -> str:
        return self.running.ilp_tcp_addr

    @property
    def pid(self) -> int:
        """Process id of the JVM."""
        return self.running.pid

    def start(self) -> None:
        """Start the server on the same ports and data as before, and make sure of the schema."""
        self.start_bare()
        assert asyncio.run(apply_schema(self.pg_uri, table_specs().values())) == []

    def start_bare(self) -> None:
        """Start the server and leave its tables as they are; `stock` ones make tables for ILP."""
        ours = {} if self._stock else server_settings.SERVICE_SETTINGS
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(server_settings, "SERVICE_SETTINGS", ours)
            self.running = self.server.start()

    def stop(self) -> None:
        """Stop the server; `start` brings it back."""
        self.server.stop()

    def query(self, sql: str) -> list[tuple[object, ...]]:
        """Run one statement over REST; rows as JSON has them (timestamps and UUIDs are text)."""
        url = f"http://{self.http_addr}/exec?{urllib.parse.urlencode({'query': sql})}"
        try:
            with urllib.request.urlopen(url, timeout=ANSWER_TIMEOUT_S) as answer:
                return [tuple(row) for row in json.load(answer).get("dataset", [])]
        except urllib.error.HTTPError as error:
            with error:
                error.add_note(error.read().decode())
            raise

    def write(self, lines: bytes) -> None:
        """Send ILP lines past the service, as any other client may."""
        url = f"http://{self.http_addr}/write"
        with urllib.request.urlopen(url, data=lines, timeout=ANSWER_TIMEOUT_S):
            pass

    def truncate(self, *tables: str) -> None:
        """Empty these tables; what was committed to them before is applied first."""
        for table in tables:
            self.query(f'TRUNCATE TABLE "{table}"')
            self.wait_applied(table)

    def wait_applied(self, table: str, *, timeout_s: float = ANSWER_TIMEOUT_S) -> None:
        """Return once everything committed to `table` is visible; fail after `timeout_s`."""
        give_up_at_s = time.monotonic() + timeout_s
        while True:
            rows = self.query(
                "SELECT suspended, writerTxn, sequencerTxn FROM wal_tables() "
                f"WHERE name = '{table}'"
            )
            assert rows, f"{table} is not a WAL table of this server"
            suspended, written, committed = rows[0]
            assert not suspended, f"{table} is suspended"
            if written == committed:
                return
            assert time.monotonic() < give_up_at_s, f"{table}: {written} of {committed} applied"
            threading.Event().wait(0.005)


@pytest.fixture(scope="session")
def questdb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestQuestDB]:
    """The session's QuestDB. Must be running when a test ends."""
    server = TestQuestDB(tmp_path_factory.mktemp("questdb"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def sample_questdb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestQuestDB]:
    """A QuestDB of its own with all of `data-samples/` in it, for tests that only read those rows.

    Whoever writes result tables in it puts them back.
    """
    server = TestQuestDB(tmp_path_factory.mktemp("sample_questdb"))
    server.start()
    asyncio.run(insert_reference_rows(server.pg_uri))
    _post_samples(server)
    for spec in table_specs().values():
        server.wait_applied(spec.name)
    yield server
    server.stop()


async def insert_reference_rows(pg_uri: str) -> None:
    """Insert all of `data-samples/` but the readings; the tables are there."""
    async with connected(pg_uri) as connection:
        for name, spec in table_specs().items():
            if name not in STREAMS:
                for path in SAMPLES.glob(f"{name}.csv"):
                    await insert_csv(connection, path, spec)


def _post_samples(server: TestQuestDB) -> None:
    for path in SAMPLES.glob("*.ndjson.gz"):
        stream = STREAMS[path.name.removesuffix(".ndjson.gz")]
        decoder = NdjsonDecoder(stream, stream.record_type)
        text = gzip.decompress(path.read_bytes())
        decoded = decoder.decode(LineBlock.of(text, 1), ts_end=TS_END)
        lines = row_encoder(stream.name)(decoded.rows)
        server.write(lines)


@pytest.fixture
def wait_gone() -> Callable[[int], None]:
    """Return what waits for the end of a process that need not be ours, and fails after 15 s."""

    def wait(pid: int) -> None:
        try:
            process = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        try:
            ended, _, _ = select.select([process], [], [], GONE_TIMEOUT_S)
        finally:
            os.close(process)
        assert ended, f"process {pid} still runs after {GONE_TIMEOUT_S:g} s"

    return wait


@pytest.fixture(scope="module")
def stock_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestQuestDB]:
    """The server behind `stock_questdb`."""
    server = TestQuestDB(tmp_path_factory.mktemp("stock_questdb"), stock=True)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def stock_questdb(stock_server: TestQuestDB) -> TestQuestDB:
    """A QuestDB whose ILP makes tables, with the schema only; a test may stop and spoil it."""
    if not port_taken(stock_server.http_port):
        stock_server.stop()
        stock_server.start_bare()
    for (table,) in stock_server.query("SELECT table_name FROM tables()"):
        stock_server.query(f'DROP TABLE "{table}"')
    assert asyncio.run(apply_schema(stock_server.pg_uri, table_specs().values())) == []
    return stock_server


@pytest.fixture
def own_questdb(tmp_path: Path) -> Iterator[TestQuestDB]:
    """A QuestDB for one test that stops, kills or spoils it. Starts in two seconds."""
    server = TestQuestDB(tmp_path / "own_questdb")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestKafka]:
    """The session's broker, with the default topics. Must be running when a test ends."""
    broker = TestKafka(tmp_path_factory.mktemp("kafka"))
    broker.start()
    for name in STREAMS:
        broker.make_topic(name)
    yield broker
    broker.stop()
