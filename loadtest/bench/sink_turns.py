"""One sink against a real QuestDB, in turns with the same rows sent ready-made, as many a body."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadtest.bench import calls, samples
from loadtest.bench.end_to_end import write_ilp
from loadtest.bench.figures import Figures, Memory, Round, figures_of
from loadtest.bench.measuring import peak_mib, reset_peak
from loadtest.bench.request import Request
from loadtest.posting import Target, post_bodies, split_bodies
from loadtest.process_figures import cpu_spent_s, family
from loadtest.questdb_rest import QuestDBRest

from utility_ts_analytics.sinks.contract import Sink

AGAINST_DIRECT = "direct ILP/HTTP"
"""The same rows, encoded ahead, in bodies of the same number of rows over one connection."""

_VISIBLE_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class _Turn:
    """What one turn took, seconds."""

    acknowledged_s: float
    visible_s: float
    cpu_s: float
    questdb_cpu_s: float


class _Turns:
    """Both ways into one table."""

    def __init__(self, database: QuestDBRest, request: Request) -> None:
        self._database = database
        self._pid = request.needed_database.pid
        self._port = request.needed_database.http_port
        self._batch_rows = int(request.case)
        lines = samples.clean_lines(max(request.rows, self._batch_rows))
        data = b"".join(lines)
        self.rows = len(lines)
        self.size_bytes = len(data)
        readings = [row for rows in calls.rows_of(data) for row in rows]
        self._batches: Sequence[calls.Rows] = [
            readings[start : start + self._batch_rows]
            for start in range(0, len(readings), self._batch_rows)
        ]
        ndjson, self._ilp = (Path(request.directory, name) for name in ("ndjson", "ilp"))
        ndjson.write_bytes(data)
        write_ilp(ndjson, self._ilp)

    def direct_s(self) -> float:
        """Send the ready bodies and return the seconds until all rows are visible."""
        self._database.truncate(calls.TABLE)
        target = Target(self._port, "/write", "text/plain")
        bodies = split_bodies(self._ilp, self._batch_rows)
        run = post_bodies(self._ilp, bodies, target, connections=1)
        if any(answer.status != 204 for answer in run.answers):
            raise RuntimeError("cannot measure: QuestDB refused what was sent to it directly")
        self._wait_visible()
        return time.monotonic() - run.started_s

    async def through(self, sink: Sink[Any]) -> _Turn:
        """Encode and send every batch, each after the one before it is acknowledged."""
        self._database.truncate(calls.TABLE)
        questdb = family(self._pid)
        payload = sink.new_payload()
        started_s, cpu_s = time.monotonic(), time.process_time()
        for rows in self._batches:
            sink.clear(payload)
            calls.encode(sink, payload, rows)
            await calls.send(sink, payload)
        acknowledged_s, cpu_s = time.monotonic() - started_s, time.process_time() - cpu_s
        self._wait_visible()
        visible_s = time.monotonic() - started_s
        spent_s = sum(cpu_spent_s(questdb, family(self._pid)).values())
        return _Turn(acknowledged_s, visible_s, cpu_s, spent_s)

    def _wait_visible(self) -> None:
        pause = threading.Event()
        end_s = time.monotonic() + _VISIBLE_TIMEOUT_S
        # Not by `wait_applied`: over TCP rows may not even be committed yet.
        while self._visible_rows() != self.rows:
            if time.monotonic() > end_s:
                seen = self._visible_rows()
                raise RuntimeError(f"cannot measure: {seen} of {self.rows} rows are visible")
            pause.wait(0.005)

    def _visible_rows(self) -> int:
        return self._database.count(f"SELECT count() FROM {calls.TABLE}")  # noqa: S608 - constant


def measure_sink(kind: calls.SinkKind, request: Request) -> Figures:
    """Let a sink and the direct way take turns; the case is the number of rows of a batch.

    The ratio is of the times until all rows are visible, the median of the pairs.
    """
    database = request.needed_database
    with QuestDBRest(database.http_port) as rest:
        turns = _Turns(rest, request)
        before_mib = reset_peak()

        async def measured() -> list[tuple[float, _Turn]]:
            sink = calls.sink(
                kind,
                http_port=database.http_port,
                ilp_port=database.ilp_port,
                pg_uri=database.pg_uri,
            )
            try:
                # The first pair only warms up.
                pairs = [
                    (turns.direct_s(), await turns.through(sink)) for _ in range(request.rounds + 1)
                ]
            finally:
                await sink.close()
            return pairs[1:]

        pairs = calls.run(measured)
        memory = Memory(peak_mib(), before_mib)
        rest.truncate(calls.TABLE)
    rows = turns.rows
    return figures_of(
        (request.bench, request.case),
        [Round(own.visible_s, own.cpu_s, direct_s / own.visible_s) for direct_s, own in pairs],
        memory,
        rows=rows,
        size_bytes=turns.size_bytes,
        against=AGAINST_DIRECT,
        extra={
            "acknowledged_rows_per_s": rows / min(own.acknowledged_s for _, own in pairs),
            "direct_rows_per_s": rows / min(direct_s for direct_s, _ in pairs),
            "questdb_cpu_us_per_row": sum(own.questdb_cpu_s for _, own in pairs)
            / (rows * len(pairs))
            * 1e6,
        },
    )
