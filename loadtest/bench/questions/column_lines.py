"""What does it cost to turn Arrow columns into ILP lines with event ids?"""

from collections.abc import Callable, Sequence

from loadtest.bench import calls, column_calls, samples
from loadtest.bench.figures import Figures
from loadtest.bench.measuring import Trial, measure_cpu
from loadtest.bench.request import Request

BATCH_ROWS = 8_192
"""About 2 MB of lines, small enough that memory is used again."""


def measure(request: Request) -> Figures:
    """Encode batch after batch; or, to compare, the same rows as records, block by block."""
    lines = samples.clean_lines(request.rows)
    data = b"".join(lines)
    blocks = calls.rows_of(data)
    if request.case == "rows":
        prepare = _encode_rows(blocks)
    else:
        if request.case != "columns":
            column_calls.forget_compiled_code()
        prepare = _encode_columns(column_calls.batches_of(blocks, BATCH_ROWS))
    return measure_cpu(Trial(lines, len(lines), len(data), prepare), request)


def _encode_columns(
    batches: Sequence[column_calls.Batch],
) -> Callable[[], Callable[[], object]]:
    encode = column_calls.encoder()

    def work() -> None:
        for batch in batches:
            encode(batch)

    return lambda: work


def _encode_rows(blocks: Sequence[calls.Rows]) -> Callable[[], Callable[[], object]]:
    encode = column_calls.row_lines()

    def work() -> None:
        for rows in blocks:
            calls.derive_event_ids(rows)
            encode(rows)

    def prepare() -> Callable[[], object]:
        calls.forget_event_ids(blocks)
        return work

    return prepare
