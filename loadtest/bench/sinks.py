"""The benches of the sinks: a real QuestDB takes batches, in turns with ready-made ILP."""

import itertools
import time
from dataclasses import dataclass
from pathlib import Path

from loadtest.bench.case import Request
from loadtest.bench.cpu import SPEC, Decoded
from loadtest.bench.figures import Figures, Memory, Round, figures_of
from loadtest.bench.measuring import peak_mib, reset_peak, run_on_loop
from loadtest.client import post_bodies, questdb_target
from loadtest.database import QuestDBRest
from loadtest.processes import cpu_spent_s, family, wait_until
from loadtest.readings import split_bodies, write_ilp
from loadtest.stored import TABLE

from utility_ts_analytics.buffering.block import Block, Settlement
from utility_ts_analytics.sinks.contract import Delivered, Sink
from utility_ts_analytics.sinks.ilp import ilp_over_http, ilp_over_tcp
from utility_ts_analytics.sinks.pgwire import PgwireSink

AGAINST_DIRECT = "direct ILP/HTTP"
"""The same rows, encoded ahead, in bodies of the same number of rows over one connection."""

_SEND_TIMEOUT_S = 60.0
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
        self._at = request.needed_database
        self._batch_rows = int(request.case)
        decoded = Decoded(max(request.rows, self._batch_rows))
        self.rows = len(decoded.lines)
        self.size_bytes = decoded.size_bytes
        readings = list(itertools.chain.from_iterable(decoded.blocks))
        self._batches = [
            readings[start : start + self._batch_rows]
            for start in range(0, len(readings), self._batch_rows)
        ]
        ndjson, self._ilp = (Path(request.directory, name) for name in ("ndjson", "ilp"))
        ndjson.write_bytes(b"".join(decoded.lines))
        write_ilp(ndjson, self._ilp)

    def direct_s(self) -> float:
        """Send the ready bodies and return the seconds until all rows are visible."""
        self._database.truncate(TABLE)
        bodies = split_bodies(self._ilp, self._batch_rows)
        run = post_bodies(self._ilp, bodies, questdb_target(self._at.http_port), connections=1)
        if any(answer.status != 204 for answer in run.answers):
            raise RuntimeError("cannot measure: QuestDB refused what was sent to it directly")
        self._wait_visible()
        return time.monotonic() - run.started_s

    async def through(self, sink: Sink) -> _Turn:
        """Encode and send every batch, each after the one before it is acknowledged."""
        self._database.truncate(TABLE)
        questdb = family(self._at.pid)
        started_s, cpu_s = time.monotonic(), time.process_time()
        for rows in self._batches:
            payload = sink.new_payload()
            payload.encode(Block(rows, range(len(rows)), 0, Settlement()))
            outcome = await payload.send(timeout_s=_SEND_TIMEOUT_S)
            if not isinstance(outcome, Delivered):
                raise RuntimeError(f"cannot send a batch: {outcome}")  # noqa: TRY004 - no type
        acknowledged_s, cpu_s = time.monotonic() - started_s, time.process_time() - cpu_s
        self._wait_visible()
        visible_s = time.monotonic() - started_s
        spent_s = sum(cpu_spent_s(questdb, family(self._at.pid)).values())
        return _Turn(acknowledged_s, visible_s, cpu_s, spent_s)

    def _wait_visible(self) -> None:
        # Not `wait_applied`: over TCP rows may not even be committed yet.
        wait_until(
            lambda: self._database.count(f"SELECT count() FROM {TABLE}") == self.rows,  # noqa: S608 - constant
            f"all of {self.rows} rows are visible",
            timeout_s=_VISIBLE_TIMEOUT_S,
            every_s=0.005,
        )


def sink_ilp_http(request: Request) -> Figures:
    """How fast does QuestDB take batches over ILP/HTTP, by their size?"""
    address = f"127.0.0.1:{request.needed_database.http_port}"
    return _measure_sink(ilp_over_http(address, TABLE), request)


def sink_ilp_tcp(request: Request) -> Figures:
    """How fast does QuestDB take batches over ILP/TCP (without acknowledgement), by their size?"""
    address = f"127.0.0.1:{request.needed_database.ilp_port}"
    return _measure_sink(ilp_over_tcp(address, TABLE), request)


def sink_pgwire(request: Request) -> Figures:
    """How fast does QuestDB take batches over pgwire, by their size?"""
    return _measure_sink(PgwireSink(request.needed_database.pg_uri, TABLE, SPEC), request)


def _measure_sink(sink: Sink, request: Request) -> Figures:
    """Let a sink and the direct way take turns; the case is the number of rows of a batch.

    The ratio is of the times until all rows are visible, the median of the pairs.
    """
    with QuestDBRest(request.needed_database.http_port) as rest:
        turns = _Turns(rest, request)
        before_mib = reset_peak()

        async def measured() -> list[tuple[float, _Turn]]:
            try:
                # The first pair only warms up.
                pairs = [
                    (turns.direct_s(), await turns.through(sink)) for _ in range(request.rounds + 1)
                ]
            finally:
                await sink.close()
            return pairs[1:]

        pairs = run_on_loop(measured)
        memory = Memory(peak_mib(), before_mib)
        rest.truncate(TABLE)
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
