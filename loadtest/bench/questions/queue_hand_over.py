"""What does it cost to hand rows from requests to the lane and to settle them?"""

import itertools

from loadtest.bench import calls, samples
from loadtest.bench.figures import Figures
from loadtest.bench.measuring import Trial, measure_cpu
from loadtest.bench.request import Request

CASES = ("blocks", "single rows")
REQUESTS = 4


def measure(request: Request) -> Figures:
    """Let four requests submit blocks as decoding cuts them, or the dearest: of one row each."""
    lines = samples.clean_lines(request.rows)
    data = b"".join(lines)
    row_bytes = len(data) // len(lines)
    decoded = calls.rows_of(data)
    if request.case == "single rows":
        decoded = [[row] for row in itertools.chain.from_iterable(decoded)]
    blocks = [(rows, row_bytes * len(rows)) for rows in decoded]

    def work() -> None:
        stored = calls.run(lambda: calls.hand_over(blocks, requests=REQUESTS))
        if stored != len(lines):
            raise RuntimeError(f"cannot measure: {stored} of {len(lines)} rows were settled")

    return measure_cpu(Trial(lines, len(lines), len(data), lambda: work), request)
