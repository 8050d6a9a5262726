"""What the questions about decoding have in common."""

from collections.abc import Callable, Sequence

from loadtest.bench import calls
from loadtest.bench.measuring import Trial

from utility_ts_analytics.reading.lines import LineBlock


def decoding_trial(lines: Sequence[bytes], blocks: Sequence[LineBlock], *, errors: int) -> Trial:
    """Return the work of decoding `blocks`.

    Args:
        lines: As many clean lines as the blocks have lines, for the calibration.
        blocks: Of one body.
        errors: How many lines are bad; a run that finds another number is no figure.
    """
    decode = calls.decoder()

    def work() -> None:
        rows = found = 0
        for block in blocks:
            taken, refused = decode(block)
            rows += len(taken)
            found += refused
        if (rows, found) != (len(lines) - errors, errors):
            raise RuntimeError(f"cannot measure: {rows} rows and {found} errors came out")

    def prepare() -> Callable[[], object]:
        return work

    size_bytes = sum(len(block.data) for block in blocks)
    return Trial(lines, len(lines), size_bytes, prepare)
