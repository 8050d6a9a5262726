"""The benches of storing: a real QuestDB takes batches or posts, in turns with ready-made ILP."""

import itertools
import time
from dataclasses import dataclass

from loadtest.bench import end_to_end as both_sides
from loadtest.bench.cpu import SPEC, Decoded
from loadtest.bench.figures import Figures, Memory, Request, Round, figures_of
from loadtest.bench.measuring import peak_mib, reset_peak, run_on_loop
from loadtest.client import post_bodies, questdb_target
from loadtest.database import QuestDBRest
from loadtest.processes import all_cpu_spent_s, family, wait_until
from loadtest.readings import split_bodies, write_ilp
from loadtest.stored import COUNT_SQL, TABLE

from utility_ts_analytics.buffering.block import Block, Settlement
from utility_ts_analytics.sinks.contract import Delivered, Sink
from utility_ts_analytics.sinks.ilp import ilp_over_http, ilp_over_tcp
from utility_ts_analytics.sinks.pgwire import PgwireSink

_AGAINST = "direct ILP/HTTP"
"""The same rows, encoded ahead, in bodies of the same number of rows."""
_WARM_UP_MAX = 3
_SEND_TIMEOUT_S = 60.0
_VISIBLE_TIMEOUT_S = 60.0


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


def end_to_end(request: Request) -> Figures:
    """How many rows are stored in the time in which QuestDB alone takes the same rows as ILP?"""
    warm_up = min(_WARM_UP_MAX, request.rounds)
    settings = both_sides.Settings(rows=request.rows, pairs=request.rounds, warm_up=warm_up)
    result = both_sides.run(settings)
    turns = [turn for turn in result.turns if turn.side == "service"]
    return figures_of(
        request,
        [
            Round(turn.visible_s, turn.service_cpu_s, ratio)
            for turn, ratio in zip(turns, result.ratios, strict=True)
        ],
        Memory(max(result.worker_rss_peak_mib, default=0.0), None),
        rows=request.rows,
        size_bytes=round(turns[0].megabytes * 1e6),
        against=_AGAINST,
        extra={
            "median_rows_per_s": result.service_rows_per_s,
            "median_direct_rows_per_s": result.direct_rows_per_s,
            "median_cpu_us_per_row": result.service_cpu_us_per_row,
            "refusals": sum(turn.refusals for turn in turns),
        },
    )


@dataclass(frozen=True, slots=True)
class _Turn:
    """What one turn of a sink took, seconds; `visible_s` until all rows are."""

    acknowledged_s: float
    visible_s: float
    cpu_s: float
    questdb_cpu_s: float


class _Sides:
    """Both ways into one table."""

    def __init__(self, rest: QuestDBRest, request: Request) -> None:
        self._rest = rest
        self._database = request.needed_database
        batch_rows = int(request.case)
        decoded = Decoded(max(request.rows, batch_rows))
        self.rows = len(decoded.lines)
        readings = list(itertools.chain.from_iterable(decoded.blocks))
        self._batches = [readings[at : at + batch_rows] for at in range(0, self.rows, batch_rows)]
        self.ndjson, self._ilp = (request.directory / name for name in ("ndjson", "ilp"))
        self.ndjson.write_bytes(b"".join(decoded.lines))
        write_ilp(self.ndjson, self._ilp)
        self._bodies = split_bodies(self._ilp, batch_rows)

    def direct_s(self) -> float:
        """Send the ready bodies over one connection; return the seconds until all is visible."""
        self._rest.truncate(TABLE)
        target = questdb_target(self._database.http_port)
        run = post_bodies(self._ilp, self._bodies, target, connections=1)
        if any(answer.status != 204 for answer in run.answers):
            raise RuntimeError("cannot measure: QuestDB refused what was sent to it directly")
        self._wait_visible()
        return time.monotonic() - run.started_s

    async def through(self, sink: Sink) -> _Turn:
        """Encode and send every batch, each after the one before it is acknowledged."""
        self._rest.truncate(TABLE)
        questdb = family(self._database.pid)
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
        spent_s = all_cpu_spent_s(questdb, family(self._database.pid))
        return _Turn(acknowledged_s, visible_s, cpu_s, spent_s)

    def _wait_visible(self) -> None:
        # Not `wait_applied`: over TCP rows may not even be committed yet.
        wait_until(
            lambda: self._rest.count(COUNT_SQL) == self.rows,
            f"all of {self.rows} rows are visible",
            timeout_s=_VISIBLE_TIMEOUT_S,
            every_s=0.005,
        )


def _measure_sink(sink: Sink, request: Request) -> Figures:
    """Let a sink and the direct way take turns; the case is the number of rows of a batch.

    The ratio is of the times until all rows are visible, the median of the pairs.
    """
    with QuestDBRest(request.needed_database.http_port) as rest:
        sides = _Sides(rest, request)
        before_mib = reset_peak()

        async def measured() -> list[tuple[float, _Turn]]:
            try:
                # The first pair only warms up.
                rounds = range(request.rounds + 1)
                return [(sides.direct_s(), await sides.through(sink)) for _ in rounds][1:]
            finally:
                await sink.close()

        pairs = run_on_loop(measured)
        memory = Memory(peak_mib(), before_mib)
        rest.truncate(TABLE)
    rows = sides.rows
    questdb_s = sum(own.questdb_cpu_s for _, own in pairs) / len(pairs)
    return figures_of(
        request,
        [Round(own.visible_s, own.cpu_s, direct_s / own.visible_s) for direct_s, own in pairs],
        memory,
        rows=rows,
        size_bytes=sides.ndjson.stat().st_size,
        against=_AGAINST,
        extra={
            "acknowledged_rows_per_s": rows / min(own.acknowledged_s for _, own in pairs),
            "direct_rows_per_s": rows / min(direct_s for direct_s, _ in pairs),
            "questdb_cpu_us_per_row": questdb_s / rows * 1e6,
        },
    )
