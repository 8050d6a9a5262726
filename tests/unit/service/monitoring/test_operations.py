"""Ready means that every stream has a worker that serves and the database takes its rows."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from utility_ts_analytics.clock import ManualClock
from utility_ts_analytics.config import parse_config
from utility_ts_analytics.database.health import UNKNOWN, QuestDBHealth
from utility_ts_analytics.records.streams import STREAMS
from utility_ts_analytics.service.listeners.port_watch import PortWatch
from utility_ts_analytics.service.monitoring.broker_watch import BrokerWatch
from utility_ts_analytics.service.monitoring.map_watch import MapWatch
from utility_ts_analytics.service.monitoring.operations import OperationsFacts
from utility_ts_analytics.service.monitoring.stores_watch import StoresWatch
from utility_ts_analytics.service.shared_worker_state import (
    DRAINING,
    REFUSING,
    SERVING,
    STARTING,
    STOPPED,
    WorkerStateFile,
    read_workers,
)

NOW_S = 100.0


class HealthyWatch(StoresWatch):
    """A database without trouble, or with the trouble told."""

    def __init__(self, *troubles: str) -> None:
        super().__init__({})
        self.troubles = list(troubles)

    def reasons(self) -> list[str]:
        return self.troubles

    def warnings(self) -> list[str]:
        return []

    @property
    def health(self) -> QuestDBHealth:
        return UNKNOWN

    def facts(self) -> dict[str, object]:  # type: ignore[override]  # narrower than needed here
        return {"up": not self.troubles}


class OpenPorts(PortWatch):
    """Ports that answer, or that do not for the reasons told."""

    def __init__(self, *troubles: str) -> None:
        self.troubles = list(troubles)

    def reasons(self) -> list[str]:
        return self.troubles


async def at_once() -> None:
    """Listen from the start."""


def facts_of(
    folder: Path, *troubles: str, ports: Sequence[str] = (), warnings: Sequence[str] = ()
) -> OperationsFacts:
    config, clock = parse_config({}, {}), ManualClock(NOW_S)
    maps = MapWatch(config.databases, clock)
    maps.found[""] = warnings
    return OperationsFacts(
        config,
        WorkerStateFile(folder, "operations"),
        folder,
        watch=HealthyWatch(*troubles),
        brokers=BrokerWatch({}, clock),
        ports=OpenPorts(*ports),
        maps=maps,
        listening=at_once,
        clock=clock,
    )


def say(folder: Path, stream: str, state: int, beat_s: float = NOW_S) -> None:
    """Leave one worker; what the worker before it left is forgotten."""
    for before in folder.glob(f"{stream}.*"):
        before.unlink()
    state_file = WorkerStateFile(folder, stream)
    measures = state_file.measures
    measures.held = lambda: (3, 30)
    measures.rows_taken(13)
    measures.rows_stored(10, 0.1, sink="ilp", wall_ns=1)
    measures.rows_rejected(1)
    measures.rows_failed(2, "draining")
    measures.rows_recovered(5)
    measures.fell_back(active=True)
    for _ in range(4):
        measures.retried("in-doubt", sink="ilp")
    state_file.publish(state, beat_s)


def say_others_serve(folder: Path) -> None:
    """Say that every stream but meter_usage has a worker that serves."""
    for stream in STREAMS:
        if stream != "meter_usage":
            say(folder, stream, SERVING)


def test_ready_with_a_serving_worker_of_each_stream(tmp_path: Path) -> None:
    for stream in STREAMS:
        say(tmp_path, stream, SERVING)
    assert facts_of(tmp_path).unready_reasons() == []


def test_not_ready_while_a_port_takes_no_connections(tmp_path: Path) -> None:
    for stream in STREAMS:
        say(tmp_path, stream, SERVING)
    reason = "meter_usage does not answer on its port"
    assert facts_of(tmp_path, ports=[reason]).unready_reasons() == [reason]


def test_a_warning_is_reported_and_does_not_make_the_service_unready(tmp_path: Path) -> None:
    for stream in STREAMS:
        say(tmp_path, stream, SERVING)
    facts = facts_of(tmp_path, warnings=["a limit is near"])
    assert (facts.unready_reasons(), facts.warnings()) == ([], ["a limit is near"])
    status = facts.status()
    assert (status["ready"], status["warnings"]) == (True, ["a limit is near"])


def test_stream_whose_workers_are_silent_starting_draining_or_gone_is_not_ready(
    tmp_path: Path,
) -> None:
    say_others_serve(tmp_path)
    facts = facts_of(tmp_path)
    reason = ["no worker of meter_usage is serving"]
    assert facts.unready_reasons() == reason
    for state in (STARTING, DRAINING):
        say(tmp_path, "meter_usage", state)
        assert facts.unready_reasons() == reason
    say(tmp_path, "meter_usage", SERVING, NOW_S - 5.1)
    assert facts.unready_reasons() == reason
    # The process of the worker has ended: what is left is its file.
    child = os.posix_spawnp("true", ["true"], os.environ)
    os.waitpid(child, 0)
    [worker_file] = tmp_path.glob("meter_usage.*")
    worker_file.rename(tmp_path / f"meter_usage.{os.getsid(0)}.{child}.ab.worker")
    assert facts.unready_reasons() == reason


def test_worker_that_still_refuses_is_a_reason_only_once_the_database_is_back(
    tmp_path: Path,
) -> None:
    say_others_serve(tmp_path)
    say(tmp_path, "meter_usage", REFUSING)
    assert facts_of(tmp_path, "QuestDB is away").unready_reasons() == ["QuestDB is away"]
    assert facts_of(tmp_path).unready_reasons() == [
        "a worker of meter_usage has yet to see that the database is back"
    ]


def test_status_sums_over_workers_those_that_just_died_included(tmp_path: Path) -> None:
    say(tmp_path, "meter_usage", SERVING)
    child = os.posix_spawnp("true", ["true"], os.environ)
    os.waitpid(child, 0)
    [own] = tmp_path.glob("meter_usage.*")
    (tmp_path / f"meter_usage.{os.getsid(0)}.{child}.ab.worker").write_bytes(own.read_bytes())
    status = facts_of(tmp_path).status()
    streams = status["streams"]
    assert isinstance(streams, dict)
    meters = streams["meter_usage"]
    assert isinstance(meters, dict)
    counts = {name: meters[name] for name in ("stored_rows", "rejected_rows", "failed_rows")}
    assert counts == {"stored_rows": 20, "rejected_rows": 2, "failed_rows": 4}
    assert (meters["held_rows"], meters["retries"]) == (6, 8)
    assert (meters["spooled_rows"], meters["in_flight_rows"]) == (10, 16)
    workers = meters["workers"]
    assert isinstance(workers, list)
    assert sorted(str(worker["state"]) for worker in workers if isinstance(worker, dict)) == [
        "gone",
        "serving",
    ]


def test_shutdown_says_that_the_worker_stopped(tmp_path: Path) -> None:
    class Idle(HealthyWatch):
        async def run(self) -> None:
            await asyncio.Event().wait()

        @property
        def known(self) -> bool:
            return True

    class IdleMaps(MapWatch):
        async def run(self) -> None:
            await asyncio.Event().wait()

    config, clock = parse_config({}, {}), ManualClock(NOW_S)
    ports = PortWatch([], tmp_path, clock, worker_silent_s=15)
    maps = IdleMaps(config.databases, clock)
    state_file = WorkerStateFile(tmp_path, "operations")
    listens = asyncio.Event()

    async def until_it_listens() -> None:
        await listens.wait()

    facts = OperationsFacts(
        config,
        state_file,
        tmp_path,
        watch=Idle(),
        brokers=BrokerWatch({}, clock),
        ports=ports,
        maps=maps,
        listening=until_it_listens,
        clock=clock,
    )

    async def run() -> list[int]:
        states = []
        await facts.startup()
        await asyncio.sleep(0)
        states.append(next(read_workers(tmp_path)).state)
        listens.set()
        for _ in range(3):
            await asyncio.sleep(0)
        states.append(next(read_workers(tmp_path)).state)
        await facts.shutdown()
        states.append(next(read_workers(tmp_path)).state)
        return states

    assert asyncio.run(run()) == [STARTING, SERVING, STOPPED]
