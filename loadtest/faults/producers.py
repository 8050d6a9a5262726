"""Clients like a head-end: they post each body until it is acknowledged, and correct readings."""

import http.client
import io
import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

from loadtest.client import Connection, Target
from loadtest.ledger import Acknowledged, Again, Entry, Ledger, Wrong, judge
from loadtest.readings import Body
from loadtest.versions import Corrected, VersionLedger

GIVE_UP = 0.5
"""How often a version without an acknowledgement is given up for the next one, 0..1."""

_CHUNK_BYTES = 4096
_BACKOFF_S = 0.05
_CORRECTED_PER_PRODUCER = 2
_CONNECTIONS_PER_CORRECTOR = 3


@dataclass(frozen=True, slots=True)
class Pace:
    """How producers send.

    Attributes:
        producers: At a time; every second one sends chunked bodies, and of each two one opens a
            connection for every body.
        pause_s: Between an acknowledgement and the next body of the same producer, seconds.
        wait_s_max: Longest wait before a retry, whatever the answer asks for, seconds.
        answer_timeout_s: Silence after which an answer counts as lost, seconds.
        correctors: Further clients, which post versions of the same readings.
        corrected_rows: Readings that a corrector posts together.
    """

    producers: int = 4
    pause_s: float = 0.1
    wait_s_max: float = 1.0
    answer_timeout_s: float = 20.0
    correctors: int = 2
    corrected_rows: int = 50


class Load:
    """Producers in threads of their own. Use as a context manager: leaving it ends them all."""

    def __init__(
        self, path: Path, ledger: Ledger, versions: VersionLedger, port: int, pace: Pace
    ) -> None:
        self.ledger = ledger
        self._path = path
        self._pace = pace
        self._stopping = threading.Event()
        self._over = threading.Event()
        targets = [
            Target(port, chunk_bytes=chunk_bytes, answer_timeout_s=pace.answer_timeout_s)
            for chunk_bytes in (0, _CHUNK_BYTES)
        ]
        self._threads = [
            threading.Thread(
                target=self._produce,
                args=(targets[number % 2], random.Random(number)),
                kwargs={"keep_alive": number % 4 < 2},
            )
            for number in range(pace.producers)
        ]
        self._threads += [
            threading.Thread(
                target=self._correct, args=(targets[number % 2], random.Random(number), versions)
            )
            for number in range(pace.correctors)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop(timeout_s=0.0)

    def stop(self, *, timeout_s: float) -> None:
        """Begin no further body; wait up to `timeout_s` for those under way, then give up."""
        self._stopping.set()
        end_s = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, end_s - time.monotonic()))
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _produce(self, target: Target, rng: random.Random, *, keep_alive: bool) -> None:
        connection = Connection(target)
        with self._path.open("rb") as file:
            while not self._stopping.is_set() and (entry := self.ledger.take()) is not None:
                self._deliver(connection, file, entry, rng)
                if not keep_alive:
                    connection.close()
                self._stopping.wait(self._pace.pause_s)
        connection.close()

    def _correct(self, target: Target, rng: random.Random, versions: VersionLedger) -> None:
        correct(
            [versions.open(self._pace.corrected_rows) for _ in range(_CORRECTED_PER_PRODUCER)],
            [Connection(target) for _ in range(_CONNECTIONS_PER_CORRECTOR)],
            self.ledger,
            rng,
            pause_s=self._pace.pause_s,
            stopping=self._stopping,
        )

    def _deliver(
        self, connection: Connection, file: BinaryIO, entry: Entry, rng: random.Random
    ) -> None:
        """Send one body until it is acknowledged, refused for good, or given up."""
        failures = 0
        while not self._over.is_set():
            self.ledger.begin(entry, entry.body.rows)
            began_s = time.monotonic()
            try:
                answer = connection.post(file, entry.body)
            except (OSError, http.client.HTTPException) as error:
                self.ledger.note(type(error).__name__)
                wait_s = _BACKOFF_S * 2.0 ** min(failures, 10)
                failures += 1
            else:
                failures = 0
                self.ledger.note_duration(time.monotonic() - began_s)
                verdict = self.ledger.answer(entry, answer)
                if not isinstance(verdict, Again):
                    return
                wait_s = max(_BACKOFF_S, verdict.wait_s)
            self._over.wait(min(self._pace.wait_s_max, wait_s) * (0.5 + 0.5 * rng.random()))


def post_version(connection: Connection, account: Corrected, version: int, ledger: Ledger) -> bool:
    """Post one version once, as soon as that is allowed; return whether it was acknowledged."""
    content = account.body(version)
    threading.Event().wait(account.wait_s(version))
    account.begin(version)
    try:
        answer = connection.post(io.BytesIO(content), Body(0, len(content), account.rows))
    except (OSError, http.client.HTTPException) as error:
        ledger.note(type(error).__name__)
        if not isinstance(error, ConnectionRefusedError):
            account.lose()
        return False
    ledger.note(str(answer.status))
    verdict = judge(answer)
    if isinstance(verdict, Wrong):
        ledger.note_wrong(verdict.reason)
    if not isinstance(verdict, Acknowledged):
        return False
    account.acknowledge(committed=answer.status == http.client.OK)
    return True


def correct(
    corrected: Sequence[Corrected],
    connections: Sequence[Connection],
    ledger: Ledger,
    rng: random.Random,
    *,
    pause_s: float,
    stopping: threading.Event,
) -> None:
    """Post versions of any of the readings over any connection until stopped; close them all."""
    given_up = True
    account = corrected[0]
    while not stopping.is_set():
        if given_up:
            account = rng.choice(corrected)
        version = account.posted + 1 if given_up else account.posted
        connection = rng.choice(connections)
        acknowledged = post_version(connection, account, version, ledger)
        given_up = acknowledged or rng.random() < GIVE_UP
        if rng.random() < 1 / len(connections):
            connection.close()
        stopping.wait(rng.random() * pause_s)
    for connection in connections:
        connection.close()
