"""What do the rules cost that the decoder cannot state: of a whole block, and of each row?"""

from loadtest.bench import calls, samples
from loadtest.bench.figures import Figures
from loadtest.bench.measuring import Trial, measure_cpu
from loadtest.bench.request import Request

CASES = ("block", "each row")


def measure(request: Request) -> Figures:
    """Check decoded, valid rows."""
    lines = samples.clean_lines(request.rows)
    data = b"".join(lines)
    blocks = calls.rows_of(data)
    check = calls.check_block if request.case == "block" else calls.check_each_row

    def work() -> None:
        if not all(map(check, blocks)):
            raise RuntimeError("cannot measure: a row was refused")

    return measure_cpu(Trial(lines, len(lines), len(data), lambda: work), request)
