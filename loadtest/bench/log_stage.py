"""The processes of `bench.log`: an edge into QuestDB, one into the log, `consume` and two shards.

Linux only: CPU comes from /proc.
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
from loadtest.client import Target, post_bodies
from loadtest.database import QuestDBRest
from loadtest.faults.brokers import Brokers
from loadtest.faults.shards import shards_text
from loadtest.ledger import Acknowledged, judge
from loadtest.processes import ProcessFigures, all_cpu_spent_s, family, wait_until
from loadtest.readings import split_bodies
from loadtest.service import ServiceProcess, ServiceSettings, Value
from loadtest.stored import TABLE

from utility_ts_analytics.database.embedded_questdb.server import RunningQuestDB

WAYS = ("edge to QuestDB", "edge to log", "log to shards", "edge to log to shards")
PARTS = ("edge", "brokers", "consume", "QuestDB")

_MESSAGE_BYTES_MAX = 1_048_576
_FULL = 0.9
"""Of the wanted size: partitions do not get the same number of rows, and no message is split."""

_EVENT_ID_BYTES = 50
"""That the edge adds to each line."""

_BATCH_ROWS_MAX = 100_000
"""The service takes no more; 16 MiB of bodies bound a batch too."""

_GROUP = "bench"
_BODY_ROWS = 50_000
_CONNECTIONS = 4
_FROZEN_S = 1_200
"""Brokers and its supervisor bear with a consumer that is frozen while it is not its turn."""

_DONE_S_MAX = 300.0


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """One turn of one way, or the median of several.

    Attributes:
        way: Of `WAYS`.
        partitions: Of the topic.
        wanted_kib: Size of a message that the settings aim at.
        message_kib: Mean size of a message before compression; 0 for ways that make none.
        rows_per_s: Until all were acknowledged, or visible where the way ends in QuestDB.
        cpu_us: CPU per row of each of `PARTS`, 0 where it has no part in it, microseconds.
    """

    way: str
    partitions: int
    wanted_kib: int
    message_kib: float
    rows_per_s: float
    cpu_us: dict[str, float]


class Shards:
    """Two QuestDBs, each for half of the partitions."""

    def __init__(self, running: Sequence[RunningQuestDB], rest: Sequence[QuestDBRest]) -> None:
        self.running = running
        self._rest = rest

    def truncate(self) -> None:
        """Empty both tables."""
        for one in self._rest:
            one.truncate(TABLE)

    def wait_visible(self, rows: int) -> None:
        """Return once there are exactly so many rows.

        Raises:
            RuntimeError: There are more, or it takes too long.
        """
        sql = f"SELECT count() FROM {TABLE}"  # noqa: S608 - constant
        found = 0

        def all_there() -> bool:
            nonlocal found
            found = sum(one.count(sql) for one in self._rest)
            return found >= rows

        wait_until(all_there, f"{rows} rows are visible", timeout_s=_DONE_S_MAX)
        if found > rows:
            raise RuntimeError(f"{rows} rows were sent, {found} are visible")


class LogStage:
    """The processes for one number of partitions and one size of messages, and their turns.

    Args:
        shards: Where `consume` writes; the direct way takes the first one.
        brokers: The log.
        lines: File of readings, all keys distinct.
        rows: In it.
    """

    def __init__(self, shards: Shards, brokers: Brokers, lines: Path, rows: int) -> None:
        self._shards = shards
        self._brokers = brokers
        self._lines = lines
        self._rows = rows
        self._bodies = split_bodies(lines, _BODY_ROWS)
        self._line_bytes = lines.stat().st_size / rows + _EVENT_ID_BYTES

    @contextlib.contextmanager
    def set_up(self, directory: Path, partitions: int, size_kib: int) -> Iterator[None]:
        """Run the processes for the length of a `with` block; the consumer is frozen."""
        self._partitions, self._size_kib = partitions, size_kib
        self._topic = f"readings-{partitions}-{size_kib}"
        topics = {self._topic: partitions, "generation_output": 1}
        letters = {f"{name}.dead-letters": count for name, count in topics.items()}
        self._brokers.make_topics({**topics, **letters})
        self._direct = self._process(directory, "direct")
        self._edge = self._process(directory, "edge", {"kind": "kafka", "fallback": "none"})
        self._consumer = self._process(directory, "consume")
        with self._consumer.config.open("a") as config:
            config.write(shards_text(self._shards.running, partitions))
        self._consumer.apply_schema()
        with contextlib.ExitStack() as stack:
            for process in (self._direct, self._edge, self._consumer):
                stack.callback(process.end)
                process.start()
            stack.callback(self._signal_consumer, signal.SIGCONT)
            self._signal_consumer(signal.SIGSTOP)
            yield

    def turns(self) -> Iterator[Turn]:
        """Run each way once, in their order."""
        self._shards.truncate()
        yield self._turn(WAYS[0], lambda: self._post(self._direct, visible=True))
        self._shards.truncate()
        yield self._turn(WAYS[1], lambda: self._post(self._edge))
        yield self._turn(WAYS[2], self._drain)
        self._shards.truncate()
        yield self._turn(WAYS[3], self._post_and_drain)

    def _turn(self, way: str, run: Callable[[], None]) -> Turn:
        before = self._figures()
        began_s = time.monotonic()
        run()
        elapsed_s = time.monotonic() - began_s
        after = self._figures()
        spent = {
            part: all_cpu_spent_s(before[part], after[part]) / self._rows * 1e6 for part in PARTS
        }
        kib = 0.0
        if way == WAYS[1]:
            messages = self._brokers.lag(self._topic, self._partitions, _GROUP) or 1
            kib = self._line_bytes * self._rows / 1024 / messages
        if way in WAYS[2:]:
            self._freeze_consumer()
        return Turn(
            way=way,
            partitions=self._partitions,
            wanted_kib=self._size_kib,
            message_kib=round(kib),
            rows_per_s=round(self._rows / elapsed_s),
            cpu_us={part: round(us, 2) for part, us in spent.items()},
        )

    # The ways

    def _post(self, edge: ServiceProcess, *, visible: bool = False) -> None:
        target = Target(edge.meter_usage_port)
        run = post_bodies(self._lines, self._bodies, target, connections=_CONNECTIONS, patient=True)
        failed = [it for it in run.answers if not isinstance(judge(it), Acknowledged)]
        if failed:
            raise RuntimeError(f"cannot measure: {failed[0].status} {failed[0].content[:500]!r}")
        if visible:
            self._shards.wait_visible(self._rows)

    def _drain(self) -> None:
        self._signal_consumer(signal.SIGCONT)
        self._shards.wait_visible(self._rows)

    def _post_and_drain(self) -> None:
        self._signal_consumer(signal.SIGCONT)
        self._post(self._edge, visible=True)

    # Processes

    def _figures(self) -> Mapping[str, list[ProcessFigures]]:
        edges = [*family(self._direct.pid), *family(self._edge.pid)]
        questdbs = [figures for one in self._shards.running for figures in family(one.pid)]
        brokers = [figures for pid in self._brokers.pids for figures in family(pid)]
        return dict(zip(PARTS, (edges, brokers, family(self._consumer.pid), questdbs), strict=True))

    def _freeze_consumer(self) -> None:
        """Stop the consumer once it has committed all there is."""
        wait_until(
            lambda: self._brokers.lag(self._topic, self._partitions, _GROUP) == 0,
            "offsets are committed",
            timeout_s=_DONE_S_MAX,
            every_s=0.2,
        )
        self._signal_consumer(signal.SIGSTOP)

    def _signal_consumer(self, number: int) -> None:
        for one in family(self._consumer.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(one.pid, number)

    def _process(
        self, directory: Path, name: str, sink: Mapping[str, Value] | None = None
    ) -> ServiceProcess:
        folder = directory / f"{self._topic}-{name}"
        folder.mkdir()
        wanted_bytes = _FULL * self._size_kib * 1024 * self._partitions
        rows = min(_BATCH_ROWS_MAX, int(wanted_bytes / self._line_bytes))
        by_size = {"batch_size": rows} if sink else {}
        room = {"channel_capacity": max(50_000, 2 * rows)} if sink else {}
        settings = ServiceSettings(
            workers=1,
            source=room,
            sink={**by_size, **(sink or {})},
            server={"worker_silent_s": _FROZEN_S // 2},
            tables={
                **({"generation_output.sink": sink} if sink else {}),
                "kafka": {
                    "brokers": self._brokers.addresses,
                    "group": _GROUP,
                    "message_max_bytes": _MESSAGE_BYTES_MAX,
                },
                "kafka.topics": {"meter_usage": self._topic},
                "kafka.consumer": {"session_timeout_ms": _FROZEN_S * 1000},
            },
        )
        verb = "consume" if name == "consume" else "serve"
        return ServiceProcess(folder, self._shards.running[0], settings, verb=verb)
