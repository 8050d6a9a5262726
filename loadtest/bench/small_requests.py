"""The bench of small posts: how long each waits for its answer, at a share of the peak load."""

import statistics
from collections.abc import Sequence
from pathlib import Path

from loadtest.bench.figures import Figures, Memory, Request, Round, figures_of
from loadtest.bench.measuring import run_on_loop
from loadtest.bench.open_loop import Latencies, arrivals, percentile_ms, send_at
from loadtest.bench.turns import Side, service_side
from loadtest.client import Target, post_bodies, questdb_target
from loadtest.database import QuestDBRest
from loadtest.ledger import fault_of
from loadtest.processes import MIB, all_cpu_spent_s, family
from loadtest.readings import clean_lines, split_bodies, write_ilp
from loadtest.service import ServiceProcess, ServiceSettings, running_service
from loadtest.stored import COUNT_SQL, TABLE

POST_ROWS = 100
LARGE_ROWS = 25_000
SHARE_OF_PEAK = 0.2
CONNECTIONS = 16
PEAK_RUNS = 3
PEAK_POSTS_MAX = 1000
"""Of a run that looks for the peak, and of one that warms QuestDB up."""
AGAINST = "direct, p50"
"""The same rows as ready ILP in posts of 100, at the same instants: what QuestDB alone takes."""


def small_requests(request: Request) -> Figures:
    """How long does a post of 100 rows wait for its 200, at a fifth of the peak load?

    The peak is found in a closed loop, then posts are made at a fifth of it in an open one.
    """
    database = request.needed_database
    directory = request.directory
    ndjson, ilp = directory / "readings.ndjson", directory / "readings.ilp"
    ndjson.write_bytes(b"".join(clean_lines(request.rows)))
    write_ilp(ndjson, ilp)
    with (
        QuestDBRest(database.http_port) as rest,
        running_service(directory, database, ServiceSettings()) as service,
    ):
        target = Target(service.meter_usage_port)
        into_service = service_side(ndjson, POST_ROWS, service, CONNECTIONS)
        alone_target = questdb_target(database.http_port)
        direct = Side("direct", ilp, split_bodies(ilp, POST_ROWS), alone_target, CONNECTIONS)
        body_rows = LARGE_ROWS if request.case == "peak of large posts" else POST_ROWS
        peak = _peak_rows_per_s(rest, ndjson, target, body_rows)
        # QuestDB's JVM compiles the code for small requests only when they come.
        post_bodies(ilp, direct.bodies[:PEAK_POSTS_MAX], direct.target, connections=CONNECTIONS)
        before_mib = _largest_mib(service)
        posts_per_s = peak * SHARE_OF_PEAK / POST_ROWS
        count = min(len(into_service.bodies), max(1, round(posts_per_s * request.seconds)))
        rounds, through, alone = [], [], []
        for seed in range(request.rounds):
            instants = arrivals(count, posts_per_s, seed=seed)
            spent = family(service.pid)
            through.append(_run(rest, into_service, instants))
            cpu_s = all_cpu_spent_s(spent, family(service.pid))
            alone.append(_run(rest, direct, instants))
            p50s_ms = [percentile_ms(one[-1].answered_s, 0.5) for one in (alone, through)]
            rounds.append(Round(through[-1].elapsed_s, cpu_s, p50s_ms[0] / p50s_ms[1]))
        memory = Memory(_largest_mib(service), before_mib)
        rest.truncate(TABLE)
    answered_s = [value for one in through for value in one.answered_s]
    direct_s = [value for one in alone for value in one.answered_s]
    late_s = [value for one in through for value in one.late_s]
    return figures_of(
        request,
        rounds,
        memory,
        rows=count * POST_ROWS,
        size_bytes=ndjson.stat().st_size * count * POST_ROWS // request.rows,
        against=AGAINST,
        extra={
            "peak_rows_per_s": peak,
            "posts_per_s": count / statistics.median(one.wall_s for one in rounds),
            "p50_ms": percentile_ms(answered_s, 0.5),
            "p99_ms": percentile_ms(answered_s, 0.99),
            "p99_ms_lowest": min(percentile_ms(one.answered_s, 0.99) for one in through),
            "max_ms": max(answered_s) * 1000,
            "direct_p50_ms": percentile_ms(direct_s, 0.5),
            "direct_p99_ms": percentile_ms(direct_s, 0.99),
            "generator_late_p99_ms": percentile_ms(late_s, 0.99),
            "connections": max(one.connections for one in through),
        },
    )


def _peak_rows_per_s(rest: QuestDBRest, path: Path, target: Target, rows: int) -> float:
    """Return the best of some closed-loop runs, until the last answer."""
    bodies = split_bodies(path, rows)[:PEAK_POSTS_MAX]
    best = 0.0
    for _ in range(PEAK_RUNS):
        rest.truncate(TABLE)
        run = post_bodies(path, bodies, target, connections=CONNECTIONS, patient=True)
        faults = [fault for answer in run.answers if (fault := fault_of(answer)) is not None]
        if faults:
            raise RuntimeError(f"cannot measure the peak: {faults[0]}")
        best = max(best, sum(body.rows for body in bodies) / run.elapsed_s)
    return best


def _run(rest: QuestDBRest, side: Side, instants: Sequence[float]) -> Latencies:
    """Post at these instants and check that exactly these rows are stored."""
    rest.truncate(TABLE)
    with side.path.open("rb") as file:
        content = file.read(sum(body.size for body in side.bodies[: len(instants)]))

    def post(number: int) -> bytes:
        body = side.bodies[number]
        head = side.target.head(f"content-length: {body.size}")
        return head + content[body.offset : body.offset + body.size]

    latencies = run_on_loop(
        lambda: send_at(
            instants,
            post,
            port=side.target.port,
            status=200 if side.name == "service" else 204,
            connections=CONNECTIONS,
        )
    )
    rest.wait_applied(TABLE)
    stored = rest.count(COUNT_SQL)
    sent = sum(body.rows for body in side.bodies[: len(instants)])
    if stored != sent:
        raise RuntimeError(f"cannot measure: {sent} rows were sent, {stored} are stored")
    return latencies


def _largest_mib(service: ServiceProcess) -> float:
    return max(entry.rss_peak_bytes for entry in family(service.pid)) / MIB
