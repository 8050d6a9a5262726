"""How fast do blocks without a bad line become checked rows with event ids?"""

from loadtest.bench import calls, samples
from loadtest.bench.decoding import decoding_trial
from loadtest.bench.figures import Figures
from loadtest.bench.measuring import measure_cpu
from loadtest.bench.request import Request


def measure(request: Request) -> Figures:
    """Decode all blocks of one body, one after the other, dropping the rows of each."""
    lines = samples.clean_lines(request.rows)
    blocks = calls.blocks_of(b"".join(lines))
    return measure_cpu(decoding_trial(lines, blocks, errors=0), request)
