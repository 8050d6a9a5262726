"""What does it cost to turn rows into what each kind of sink sends?"""

from collections.abc import Callable

from loadtest.bench import calls, samples
from loadtest.bench.figures import Figures
from loadtest.bench.measuring import Trial, measure_cpu
from loadtest.bench.request import Request

KINDS: dict[str, calls.SinkKind] = {"ilp": "ilp_http", "pgwire": "pgwire"}
BATCH_BLOCKS = 32
"""About 25,000 rows: the default size of a batch."""


def measure(request: Request) -> Figures:
    """Fill one payload, batch after batch, block by block; nothing is sent."""
    lines = samples.clean_lines(request.rows)
    data = b"".join(lines)
    blocks = calls.rows_of(data)
    # Nobody listens there, and nobody is asked.
    sink = calls.sink(KINDS[request.case], http_port=9, ilp_port=9, pg_uri="postgresql://x/")
    payload = sink.new_payload()

    def work() -> None:
        for number, rows in enumerate(blocks):
            if number % BATCH_BLOCKS == 0:
                sink.clear(payload)
            calls.encode(sink, payload, rows)

    def prepare() -> Callable[[], object]:
        sink.clear(payload)
        return work

    try:
        return measure_cpu(Trial(lines, len(lines), len(data), prepare), request)
    finally:
        calls.run(sink.close)
