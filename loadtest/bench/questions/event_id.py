"""What do the event ids of decoded rows cost?"""

from collections.abc import Callable

from loadtest.bench import calls, samples
from loadtest.bench.figures import Figures
from loadtest.bench.measuring import Trial, measure_cpu
from loadtest.bench.request import Request


def measure(request: Request) -> Figures:
    """Derive the ids block by block, as decoding does."""
    lines = samples.clean_lines(request.rows)
    data = b"".join(lines)
    blocks = calls.rows_of(data)

    def work() -> None:
        for rows in blocks:
            calls.derive_event_ids(rows)

    def prepare() -> Callable[[], object]:
        calls.forget_event_ids(blocks)
        return work

    return measure_cpu(Trial(lines, len(lines), len(data), prepare), request)
