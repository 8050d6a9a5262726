"""Counts of all workers, living and dead; and which rows were lost when workers ended.

The numbers of dead workers are summed into one record per stream, so that files do not pile up. The
supervisor alone writes the record. Numbers and the names of the files summed so far are one file,
which is replaced as a whole; only then are the summed files removed. So `read_worker_totals` counts
each worker exactly once: in the record if it names the file, else from the file. That also holds
while the supervisor does this, and if it dies between the two steps.
"""

import contextlib
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from utility_ts_analytics.service.shared_worker_state import (
    STOPPED,
    WorkerId,
    WorkerState,
    read_workers,
)
from utility_ts_analytics.telemetry import registry
from utility_ts_analytics.telemetry.layout import (
    Words,
    add_dead,
    add_living,
    new_words,
    offset_of,
)
from utility_ts_analytics.telemetry.token_counts import TokenTotals, add_tokens, forget_names

_RECORD = "dead_workers.json"
_READS_MAX = 50
_RESTARTS = offset_of(registry.WORKER_RESTARTS)


class _Record(msgspec.Struct):
    """The file with the sums of dead workers.

    Attributes:
        streams: Numbers by stream.
        tokens: Counts by token, by stream.
        files: Names of the files that were summed last and may still exist.
    """

    streams: dict[str, list[int]] = {}
    tokens: dict[str, TokenTotals] = {}
    files: list[str] = []


@dataclass(frozen=True, slots=True)
class WorkerTotals:
    """The numbers of all workers at one moment.

    Attributes:
        workers: Those that are not in the record: alive, or dead for a moment.
        dead: Sums of the workers before them, by stream.
        dead_tokens: Counts of the workers before them by token, by stream.
    """

    workers: Sequence[WorkerState] = ()
    dead: dict[str, Words] = field(default_factory=dict)
    dead_tokens: dict[str, TokenTotals] = field(default_factory=dict)

    def of(self, stream: str) -> Words:
        """Return the sum over all workers of a stream."""
        total = new_words()
        if stream in self.dead:
            add_living(total, self.dead[stream])
        for worker in self.workers:
            if worker.stream == stream:
                add_living(total, worker.words)
        return total

    def by_token(self, stream: str) -> TokenTotals:
        """Return the counts of a stream by token name, names without requests included."""
        totals = dict(self.dead_tokens.get(stream, {}))
        for worker in self.workers:
            if worker.stream == stream:
                add_tokens(totals, worker.words, worker.token_names)
        return totals


@dataclass(frozen=True, slots=True)
class UndeliveredRows:
    """Rows of one stream that a stop left undelivered.

    Attributes:
        stream: Its name.
        lost_rows: Held by workers that were killed; their senders got no answer.
        given_back_rows: Given back to their senders, who were told to send them again.
    """

    stream: str
    lost_rows: int
    given_back_rows: int


class WorkerDeaths:
    """Finds workers that ended without an orderly stop. Reports each one once."""

    def __init__(self) -> None:
        self._dead: set[WorkerId] = set()

    def find(
        self, dead: Iterable[WorkerState], workers: Iterable[WorkerState]
    ) -> list[WorkerState]:
        """Return the last states of the workers that died since the last call.

        Args:
            dead: The workers that are not alive.
            workers: All workers, read after `dead` was determined: a worker publishes STOPPED right
                before it ends. Iterated only if some worker died.
        """
        identities = {worker.identity for worker in dead}
        new, self._dead = identities - self._dead, identities
        if not new:
            return []
        return [worker for worker in workers if worker.identity in new and worker.state != STOPPED]


def undelivered_rows(
    before: Iterable[WorkerState], after: Iterable[WorkerState]
) -> list[UndeliveredRows]:
    """Return what a stop left undelivered, by stream; streams without such rows are left out.

    Args:
        before: The workers that were alive when the stop began, as they were then.
        after: All workers once all have ended.
    """
    failed_rows_before = {worker.identity: worker.failed_rows for worker in before}
    lost_rows: dict[str, int] = {}
    given_back_rows: dict[str, int] = {}
    for worker in after:
        if worker.identity in failed_rows_before:
            stream = worker.stream
            given_back = worker.failed_rows - failed_rows_before[worker.identity]
            lost_rows[stream] = lost_rows.get(stream, 0) + worker.held_rows
            given_back_rows[stream] = given_back_rows.get(stream, 0) + given_back
    return [
        UndeliveredRows(stream, lost, given_back_rows[stream])
        for stream, lost in lost_rows.items()
        if lost or given_back_rows[stream]
    ]


def read_worker_totals(folder: Path) -> WorkerTotals:
    """Return the numbers of all workers, each one counted once."""
    totals = WorkerTotals()
    for _ in range(_READS_MAX):
        before = _content(folder)
        record = _decode(before)
        workers = [worker for worker in read_workers(folder) if worker.file not in record.files]
        dead = {name: array("q", numbers) for name, numbers in record.streams.items()}
        totals = WorkerTotals(workers, dead, record.tokens)
        if _content(folder) == before:
            break
    return totals


def add_dead_workers(folder: Path, dead: Iterable[WorkerState]) -> None:
    """Add workers to the record and remove their files. Only one process may call this.

    Args:
        folder: The runtime folder.
        dead: Workers that have ended. Their files are read again: a worker counts until its end.

    Raises:
        OSError: The record cannot be written; nothing was added, and the files are still there.
    """
    names = {worker.file for worker in dead}
    if not names:
        return
    record = _decode(_content(folder))
    _remove(folder, record.files)
    workers = list(read_workers(folder))
    in_use = {name for worker in workers if worker.file not in names for name in worker.token_names}
    for worker in [worker for worker in workers if worker.file in names]:
        total = array("q", record.streams.get(worker.stream) or new_words())
        add_dead(total, worker.words)
        total[_RESTARTS] += worker.state != STOPPED
        record.streams[worker.stream] = total.tolist()
        tokens = record.tokens.setdefault(worker.stream, {})
        add_tokens(tokens, worker.words, worker.token_names)
        forget_names(tokens, in_use=in_use)
    record.files = sorted(names)
    written = folder / f"{_RECORD}.new"
    written.write_bytes(msgspec.json.encode(record))
    written.rename(folder / _RECORD)
    _remove(folder, record.files)


def _content(folder: Path) -> bytes:
    try:
        return (folder / _RECORD).read_bytes()
    except FileNotFoundError:
        return b"{}"


def _decode(content: bytes) -> _Record:
    return msgspec.json.decode(content, type=_Record)


def _remove(folder: Path, names: Iterable[str]) -> None:
    for name in names:
        with contextlib.suppress(FileNotFoundError):
            (folder / name).unlink()
