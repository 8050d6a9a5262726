"""Fixtures that run the real service beside the session's QuestDB."""

import contextlib
import itertools
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.process.own_questdb import OwnQuestDB
from tests.process.running_service import (
    Launch,
    MakeId,
    QuestDBPorts,
    RunningService,
    Section,
    StartService,
    run_service,
)
from tests.process.stored_tables import StoredTables
from tests.running_kafka import TestKafka

ATTACKED_TOKEN = "nobody-guesses-this"  # noqa: S105
DECOMPRESSED_BYTES_MAX = 16 * 1024 * 1024


@pytest.fixture(scope="session")
def tables(questdb: QuestDBPorts) -> StoredTables:
    """What the session's QuestDB holds."""
    return StoredTables(questdb.http_port)


@pytest.fixture(scope="session")
def launch(questdb: QuestDBPorts, tmp_path_factory: pytest.TempPathFactory) -> Launch:
    """Return a context manager that runs one ready service, for fixtures of any scope."""
    numbers = itertools.count()

    @contextlib.contextmanager
    def launched(overrides: Section) -> Iterator[RunningService]:
        place = tmp_path_factory.mktemp(f"service{next(numbers)}")
        with run_service(place, questdb, overrides) as running:
            yield running

    return launched


@pytest.fixture(scope="session")
def service(launch: Launch) -> Iterator[RunningService]:
    """One service with the defaults of the contract, shared by all tests."""
    with launch({}) as running:
        yield running


@pytest.fixture
def start_service(launch: Launch) -> Iterator[StartService]:
    """Start services with other settings; each is ready when returned and ends with the test."""
    with contextlib.ExitStack() as running:
        yield lambda overrides: running.enter_context(launch(overrides))


@pytest.fixture(scope="session")
def make_id() -> MakeId:
    """Return an identifier that no other test and no earlier run has used."""
    return lambda prefix: f"{prefix}-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def own(tmp_path: Path) -> Iterator[OwnQuestDB]:
    """A QuestDB that has not been started yet."""
    own = OwnQuestDB(tmp_path)
    try:
        yield own
    finally:
        own.server.stop()


@pytest.fixture(scope="session")
def attacked(launch: Launch) -> Iterator[RunningService]:
    """One service for all attacks: shorter time-outs, and a token for the second stream."""
    source = {
        "body_idle_timeout_ms": 2_000,
        "max_decompressed_bytes": DECOMPRESSED_BYTES_MAX,
    }
    guarded = {**source, "auth_bearer_token": ATTACKED_TOKEN}
    settings = {"meter_usage": {"source": source}, "generation_output": {"source": guarded}}
    with launch(settings) as running:
        yield running


@pytest.fixture(scope="session")
def kafka_addr(kafka: TestKafka) -> str:
    """`host:port` of the session's broker."""
    return kafka.addr
