"""What the metrics cost per block, batch and request, beside the ways that were not taken.

    .venv/bin/python -m loadtest.telemetry_cost

Prints nanoseconds, the best of several rounds. Touches no service and no database.
"""

import os
import tempfile
import timeit
from collections.abc import Callable

ROUNDS = 7
CALLS = 20_000


def best_ns(call: Callable[[], object], *, calls: int = CALLS) -> float:
    """Return the nanoseconds of one call, the best of `ROUNDS` rounds."""
    return min(timeit.repeat(call, number=calls, repeat=ROUNDS)) / calls * 1e9


def our_costs(folder: str) -> dict[str, float]:
    """Return the cost of each step that a worker takes."""
    # Imported here: prometheus-client reads where its files are when it is first imported.
    from pathlib import Path

    from utility_ts_analytics.service.beacon import Beacon
    from utility_ts_analytics.service.departed import read_books
    from utility_ts_analytics.telemetry.exposition import Exposition, Figures, Samples
    from utility_ts_analytics.telemetry.registry import METRICS

    beacons = [Beacon(Path(folder), "meter_usage") for _ in range(4)]
    measures = beacons[0].measures
    measures.held = lambda: (1, 1)
    found: dict[str, Samples] = {
        metric.name: {} if metric.labels else {(): 0.0} for metric in METRICS
    }

    def scrape() -> object:
        books = read_books(Path(folder))
        figures = Figures({"meter_usage": books.of("meter_usage")}, found)
        return Exposition(lambda: figures).render("")

    return {
        "a block taken": best_ns(lambda: measures.rows_taken(700)),
        "a block with refused lines": best_ns(lambda: measures.rows_refused(["invalid-json"] * 3)),
        "a batch stored": best_ns(
            lambda: measures.rows_stored(25_000, 0.03, sink="ilp", wall_ns=1)
        ),
        "a chunk of a body": best_ns(lambda: measures.request_bytes(65_536)),
        "a request answered": best_ns(lambda: measures.request_ended(200, 0.03)),
        "a scrape of four workers": best_ns(scrape, calls=50),
    }


def multiprocess_costs(folder: str) -> dict[str, float]:
    """Return what prometheus-client's multiprocess mode takes for the same steps."""
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
    from prometheus_client import Counter, Histogram

    received = Counter("received", "x", ["stream"]).labels("m")
    stored = Counter("stored", "x", ["stream", "sink"]).labels("m", "ilp")
    code = Counter("requests", "x", ["stream", "code"]).labels("m", "200")
    seconds = Histogram("seconds", "x", ["stream"]).labels("m")
    rows = Histogram("rows", "x", ["stream"]).labels("m")

    def batch() -> None:
        stored.inc(25_000)
        seconds.observe(0.03)
        rows.observe(25_000)

    def request() -> None:
        code.inc()
        seconds.observe(0.03)

    return {
        "a block taken": best_ns(lambda: received.inc(700)),
        "a batch stored": best_ns(batch),
        "a request answered": best_ns(request),
    }


def main() -> None:
    """Print both tables."""
    with tempfile.TemporaryDirectory() as ours, tempfile.TemporaryDirectory() as theirs:
        multiprocess = multiprocess_costs(theirs)
        for title, costs in (
            ("our files", our_costs(ours)),
            ("prometheus-client, multiprocess", multiprocess),
        ):
            print(title)
            for step, cost_ns in costs.items():
                print(f"  {step:<28}{cost_ns:>12,.0f} ns")


if __name__ == "__main__":
    main()
