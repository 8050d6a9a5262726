"""What does it cost to hold Arrow columns to the rules?"""

from loadtest.bench import calls, column_calls, samples
from loadtest.bench.figures import Figures
from loadtest.bench.measuring import Trial, measure_cpu
from loadtest.bench.request import Request

BATCH_ROWS = 8_192


def measure(request: Request) -> Figures:
    """Check batch after batch: clean ones, or such where a hundredth of the rows is refused."""
    lines = samples.clean_lines(request.rows)
    data = b"".join(lines)
    batches = column_calls.batches_of(calls.rows_of(data), BATCH_ROWS)
    if request.case != "clean":
        batches = [column_calls.with_broken_rows(batch, every=100) for batch in batches]

    def work() -> None:
        for batch in batches:
            column_calls.check(batch)

    return measure_cpu(Trial(lines, len(lines), len(data), lambda: work), request)
