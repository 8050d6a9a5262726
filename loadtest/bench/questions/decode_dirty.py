"""How fast is it where one line in twenty is bad, in every way that a line can be?"""

from loadtest.bench import calls, samples
from loadtest.bench.decoding import decoding_trial
from loadtest.bench.figures import Figures
from loadtest.bench.measuring import measure_cpu
from loadtest.bench.request import Request

BAD_SHARE = 0.05


def measure(request: Request) -> Figures:
    """Decode all blocks of one body with bad lines in every block."""
    clean = samples.clean_lines(request.rows)
    dirty = samples.dirty_lines(request.rows, BAD_SHARE)
    errors = sum(one != other for one, other in zip(clean, dirty, strict=True))
    blocks = calls.blocks_of(b"".join(dirty))
    return measure_cpu(decoding_trial(clean, blocks, errors=errors), request)
