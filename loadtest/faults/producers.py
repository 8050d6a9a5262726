"""Clients like a head-end: they post each body until it is acknowledged, and correct readings."""

import http.client
import io
import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from loadtest.client import Connection, Target
from loadtest.ledger import Account, Acknowledged, Again, Ledger, Wrong
from loadtest.readings import Body

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
        body_rows: Readings of one body.
        pause_s: Between an acknowledgement and the next body of the same producer, seconds.
        wait_s_max: Longest wait before a retry, whatever the answer asks for, seconds.
        answer_timeout_s: Silence after which an answer counts as lost, seconds.
        correctors: Further clients, which post versions of the same readings.
        corrected_rows: Readings that a corrector posts together.
    """

    producers: int = 4
    body_rows: int = 200
    pause_s: float = 0.1
    wait_s_max: float = 1.0
    answer_timeout_s: float = 20.0
    correctors: int = 2
    corrected_rows: int = 50


class Load:
    """Producers in threads of their own. Use as a context manager: leaving it ends them all."""

    def __init__(self, ledger: Ledger, port: int, pace: Pace) -> None:
        self._ledger = ledger
        self._pace = pace
        self._stopping = threading.Event()
        self._over = threading.Event()
        targets = [
            Target(port, chunk_bytes=chunk_bytes, answer_timeout_s=pace.answer_timeout_s)
            for chunk_bytes in (0, _CHUNK_BYTES)
        ]
        works = [self._produce] * pace.producers + [self._correct] * pace.correctors
        self._threads = [
            threading.Thread(target=work, args=(targets[number % 2], number))
            for number, work in enumerate(works)
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

    def _produce(self, target: Target, number: int) -> None:
        connection, rng = Connection(target), random.Random(number)
        while not self._stopping.is_set():
            self._deliver(connection, self._ledger.open(self._pace.body_rows), rng)
            if number % 4 >= 2:
                connection.close()
            self._stopping.wait(self._pace.pause_s)
        connection.close()

    def _correct(self, target: Target, number: int) -> None:
        rows = self._pace.corrected_rows
        correct(
            [self._ledger.open(rows, corrected=True) for _ in range(_CORRECTED_PER_PRODUCER)],
            [Connection(target) for _ in range(_CONNECTIONS_PER_CORRECTOR)],
            self._ledger,
            random.Random(number),
            pause_s=self._pace.pause_s,
            stopping=self._stopping,
        )

    def _deliver(self, connection: Connection, account: Account, rng: random.Random) -> None:
        """Send one body until it is acknowledged, refused for good, or given up."""
        failures = 0
        while not self._over.is_set():
            verdict = post_version(connection, account, 1, self._ledger)
            if isinstance(verdict, Acknowledged | Wrong):
                return
            failures = 0 if verdict else failures + 1
            wait_s = verdict.wait_s if verdict else _BACKOFF_S * 2.0 ** min(failures - 1, 10)
            wait_s = min(self._pace.wait_s_max, max(_BACKOFF_S, wait_s))
            self._over.wait(wait_s * (0.5 + 0.5 * rng.random()))


def post_version(
    connection: Connection, account: Account, version: int, ledger: Ledger
) -> Acknowledged | Again | Wrong | None:
    """Post one version once, as soon as that is allowed; return what to do, None without answer."""
    content = account.body(version)
    threading.Event().wait(account.wait_s(version))
    account.begin(version)
    began_s = time.monotonic()
    try:
        answer = connection.post(io.BytesIO(content), Body(0, len(content), account.rows))
    except (OSError, http.client.HTTPException) as error:
        ledger.note(type(error).__name__)
        if not isinstance(error, ConnectionRefusedError):
            # The service may still be busy with it.
            account.lost_at_s = time.monotonic()
        return None
    ledger.note_duration(time.monotonic() - began_s)
    return ledger.answer(account, answer)


def correct(
    corrected: Sequence[Account],
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
        verdict = post_version(connection, account, version, ledger)
        given_up = isinstance(verdict, Acknowledged) or rng.random() < GIVE_UP
        if rng.random() < 1 / len(connections):
            connection.close()
        stopping.wait(rng.random() * pause_s)
    for connection in connections:
        connection.close()
