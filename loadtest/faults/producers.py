"""Clients as a head-end has them: they post, and post again until every body is acknowledged.

Beside them, others correct readings that were sent before: `version_producers`.
"""

import http.client
import random
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from loadtest.faults.courier import Courier
from loadtest.faults.ledger import Acknowledged, Again, Entry, Ledger
from loadtest.faults.version_producers import correct
from loadtest.faults.versions import VersionLedger
from loadtest.meter_posts import CONTENT_TYPE, PATH
from loadtest.posting import Target

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
        correctors: Producers more, which post versions of the same readings.
        corrected_rows: Readings that a corrector posts together.
    """

    producers: int = 4
    pause_s: float = 0.1
    wait_s_max: float = 1.0
    answer_timeout_s: float = 20.0
    correctors: int = 2
    corrected_rows: int = 50


class Load:
    """Producers in threads of their own. Use as a context manager: leaving it ends them all.

    Args:
        path: The file of the bodies.
        ledger: Hands out the bodies and keeps the books.
        versions: Keeps the accounts of what is corrected.
        port: Where to post, on 127.0.0.1.
        pace: How.
    """

    def __init__(
        self, path: Path, ledger: Ledger, versions: VersionLedger, port: int, pace: Pace
    ) -> None:
        self.ledger = ledger
        self._path = path
        self._pace = pace
        self._stopping = threading.Event()
        self._over = threading.Event()
        targets = [
            Target(port, PATH, CONTENT_TYPE, chunk_bytes, pace.answer_timeout_s)
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

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop(timeout_s=0.0)

    def stop(self, *, timeout_s: float) -> None:
        """Begin no further body, and wait until those under way are acknowledged.

        Args:
            timeout_s: After this they are given up, seconds; an attempt under way still ends.
        """
        self._stopping.set()
        end_s = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, end_s - time.monotonic()))
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _produce(self, target: Target, rng: random.Random, *, keep_alive: bool) -> None:
        courier = Courier(target)
        with self._path.open("rb") as file:
            while not self._stopping.is_set() and (entry := self.ledger.take()) is not None:
                self._deliver(courier, file, entry, rng)
                if not keep_alive:
                    courier.close()
                self._stopping.wait(self._pace.pause_s)
        courier.close()

    def _correct(self, target: Target, rng: random.Random, versions: VersionLedger) -> None:
        correct(
            [versions.open(self._pace.corrected_rows) for _ in range(_CORRECTED_PER_PRODUCER)],
            [Courier(target) for _ in range(_CONNECTIONS_PER_CORRECTOR)],
            self.ledger,
            rng,
            pause_s=self._pace.pause_s,
            stopping=self._stopping,
        )

    def _deliver(self, courier: Courier, file: BinaryIO, entry: Entry, rng: random.Random) -> None:
        """Send one body until it is acknowledged, refused for good, or given up."""
        failures = 0
        while not self._over.is_set():
            self.ledger.begin(entry, entry.body.rows)
            began_s = time.monotonic()
            try:
                answer = courier.post(file, entry.body)
            except (OSError, http.client.HTTPException) as error:
                self.ledger.note(type(error).__name__)
                wait_s = _BACKOFF_S * 2.0 ** min(failures, 10)
                failures += 1
            else:
                failures = 0
                self.ledger.note_duration(time.monotonic() - began_s)
                match self.ledger.answer(entry, answer):
                    case Acknowledged():
                        return
                    case Again(asked_s):
                        wait_s = max(_BACKOFF_S, asked_s)
                    case _:
                        return
            self._over.wait(min(self._pace.wait_s_max, wait_s) * (0.5 + 0.5 * rng.random()))
