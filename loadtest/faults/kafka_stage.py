"""The stage of the log: the service writes to Kafka, two `consume` fill two shards from there."""

import contextlib
import os
import shutil
import signal
import subprocess
from pathlib import Path

from loadtest.database import QuestDBRest
from loadtest.faults.brokers import Brokers
from loadtest.faults.proxy import Proxy
from loadtest.faults.scale import Scale
from loadtest.faults.shards import GatheredRest, shards_text
from loadtest.faults.stage import Setup, Stage
from loadtest.processes import family, wait_until
from loadtest.service import (
    DatabasePorts,
    ServiceProcess,
    ServiceSettings,
    Value,
    command,
    environment,
)

from utility_ts_analytics.database.embedded_questdb.server import EmbeddedQuestDB, RunningQuestDB

SESSION_S = 6.0
"""Silence after which a consumer's partitions go to others: the least that brokers allow."""

TOPIC = "meter_usage"
_PARTITIONS = 6
_GROUP = "faults"
SHARDS = 2
_CONSUMERS = 2
_HEAP_MIB = 256
_DISK_BYTES = 1024 * 2**20
"""Of a broker: more than a storm writes."""

_DRAINED_S_MAX = 180.0
_ARCHIVE_S_MAX = 180.0


class KafkaStage(Stage):
    """Edge, brokers, consumers and two QuestDBs.

    Args:
        directory: For data, configs and logs; exists.
        scale: Of every fault played here.
        brokers: 1 or 3.

    Attributes:
        brokers: The log.
    """

    brokers: Brokers

    def __init__(self, directory: Path, scale: Scale, *, brokers: int = 1) -> None:
        super().__init__(directory, scale)
        self._broker_count = brokers
        self._south = EmbeddedQuestDB(directory / "questdb-south", heap_mib=_HEAP_MIB)
        self._south_running: RunningQuestDB | None = None
        self._consumers: list[ServiceProcess] = []
        self._frozen: list[int] = []
        self._log_stack = contextlib.ExitStack()

    def __enter__(self) -> "KafkaStage":
        with contextlib.ExitStack() as stack:
            super().__enter__()
            stack.callback(super().__exit__)
            stack.callback(self._south.stop)
            self.start_questdb()
            brokers = Brokers(self.directory / "kafka", self._broker_count, disk_bytes=_DISK_BYTES)
            self.brokers = stack.enter_context(brokers)
            self.brokers.make_topics(
                {
                    TOPIC: _PARTITIONS,
                    f"{TOPIC}.dead-letters": _PARTITIONS,
                    "generation_output": 1,
                    "generation_output.dead-letters": 1,
                }
            )
            stack.callback(self._end_processes)
            self._log_stack = stack.pop_all()
        return self

    def __exit__(self, *_error: object) -> None:
        self._log_stack.close()

    @property
    def database(self) -> contextlib.AbstractContextManager[QuestDBRest]:
        """Both QuestDBs as one."""
        return GatheredRest([running.http_port for running in self._both()])

    @property
    def consumers(self) -> range:
        """Numbers of the consumers."""
        return range(_CONSUMERS)

    def settings_of(self, setup: Setup, **spool: Value) -> ServiceSettings:
        """Return the settings of the edge: the setup's, but into the log."""
        given = setup.settings(**spool)
        into_log: dict[str, Value] = {"kind": "kafka", "fallback": "none"}
        # A new producer connects and gets its number from the brokers within one time-out.
        times: dict[str, Value] = {"request_timeout_ms": 4_000, "delivery_timeout_ms": 12_000}
        return ServiceSettings(
            workers=given.workers,
            source=given.source,
            sink={**given.sink, **times, **into_log},
            spool=given.spool,
            server=given.server,
            tables={
                "generation_output.sink": into_log,
                "kafka": {"brokers": self.brokers.edge_addresses},
            },
        )

    def set_up(self, setup: Setup) -> None:
        """Have an edge of this kind ready, all else in order, and the log empty."""
        super().set_up(setup)
        self.start_consumers()
        self.await_drained()

    def set_right(self) -> None:
        """Have all brokers, consumers and QuestDB running and all lines in order."""
        self.brokers.start()
        self.brokers.want_in_sync(TOPIC)
        self.start_questdb()
        super().set_right()
        self.thaw_consumers()
        if self._consumers:
            self.start_consumers()

    def mend(self) -> None:
        """End the faults of every line."""
        super().mend()
        self.brokers.on_lines(Proxy.mend)

    def await_drained(self) -> None:
        """Return once everything in the log is stored."""
        super().await_drained()
        wait_until(
            lambda: self.brokers.lag(TOPIC, _PARTITIONS, _GROUP) == 0,
            "consumers have stored everything in the log",
            timeout_s=_DRAINED_S_MAX,
            every_s=0.2,
        )

    def start_consumers(self) -> None:
        """Start the consumers that do not run."""
        if not self._consumers:
            self._consumers = [self._new_consumer(number) for number in self.consumers]
            self._consumers[0].apply_schema()
        for consumer in self._consumers:
            if not consumer.runs:
                consumer.start(ready=False)

    def kill_consumer(self, number: int) -> None:
        """End all processes of a consumer with SIGKILL, as the loss of its machine would."""
        consumer = self._consumers[number]
        for one in family(consumer.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(one.pid, signal.SIGKILL)
        consumer.kill()

    def stop_consumer(self, number: int) -> None:
        """End a consumer with SIGTERM, if it runs."""
        if self._consumers[number].runs:
            self._consumers[number].stop()

    def freeze_consumer(self, number: int) -> None:
        """Stop all processes of a consumer from running."""
        self._frozen += [one.pid for one in family(self._consumers[number].pid)]
        for pid in self._frozen:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)

    def thaw_consumers(self) -> None:
        """Let frozen consumers run on."""
        for pid in self._frozen:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        self._frozen.clear()

    def kill_shard(self, number: int) -> None:
        """End one QuestDB, 0 or 1, with SIGKILL."""
        if number == 0:
            self.kill_questdb()
        elif self._south_running is not None:
            os.kill(self._south_running.pid, signal.SIGKILL)
            self._south.stop()
            self._south_running = None

    def start_questdb(self) -> None:
        """Start the QuestDBs that do not run, on the same ports and data."""
        if self._running is None:
            super().start_questdb()
        if self._south_running is None:
            self._south_running = self._south.start()

    def archive(self, *options: str) -> None:
        """Run `archive` with the consumers' configuration.

        Raises:
            RuntimeError: It failed; the message has what it said.
        """
        folder = self.directory / "archive"
        folder.mkdir(exist_ok=True)
        config = str(self._consumers[0].config)
        done = subprocess.run(  # noqa: S603 - our own interpreter and arguments
            command("archive", "--config", config, "--dir", str(folder), *options),
            env=environment(),
            capture_output=True,
            text=True,
            timeout=_ARCHIVE_S_MAX,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"archive {' '.join(options)}: {done.stdout}{done.stderr}")

    def lose_questdb(self) -> None:
        """End the consumers and both QuestDBs, and delete all that these had."""
        for number in self.consumers:
            self.stop_consumer(number)
        for number, name in enumerate(("questdb", "questdb-south")):
            self.kill_shard(number)
            shutil.rmtree(self.directory / name / "db")

    def recover_questdb(self, from_ms: int) -> None:
        """Start empty QuestDBs and fill them from archive and log (docs/LOG.md).

        Args:
            from_ms: Everything that was in the log before, since 1970, is in the archive.
        """
        self.start_questdb()
        self._consumers[0].apply_schema()
        self.archive("--restore")
        self.brokers.rewind(TOPIC, _PARTITIONS, _GROUP, from_ms)
        self.start_consumers()

    def _new_consumer(self, number: int) -> ServiceProcess:
        running = self._both()[0]
        ports = DatabasePorts(running.http_port, running.ilp_port, running.pg_uri)
        directory = self.directory / f"consumer-{number + 1}"
        directory.mkdir()
        settings = Setup().settings()
        settings = ServiceSettings(
            sink=settings.sink,
            server=settings.server,
            tables={
                "kafka": {"brokers": self.brokers.addresses, "group": _GROUP},
                "kafka.consumer": {"session_timeout_ms": int(SESSION_S * 1000)},
            },
        )
        consumer = ServiceProcess(directory, ports, settings, verb="consume")
        with consumer.config.open("a") as config:
            config.write(shards_text(self._both(), _PARTITIONS))
        return consumer

    def _both(self) -> tuple[RunningQuestDB, RunningQuestDB]:
        if self._running is None or self._south_running is None:
            raise AssertionError("a QuestDB was not started")
        return self._running, self._south_running

    def _end_processes(self) -> None:
        """End consumers and edge while the brokers are still there."""
        self.thaw_consumers()
        for consumer in self._consumers:
            consumer.end()
        self._service_stack.close()
