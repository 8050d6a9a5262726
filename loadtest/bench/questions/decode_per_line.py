"""How fast is it where each line of a block needs a closer look?"""

from loadtest.bench import calls, samples
from loadtest.bench.decoding import decoding_trial
from loadtest.bench.figures import Figures
from loadtest.bench.measuring import measure_cpu
from loadtest.bench.request import Request

STRIDE = 500
"""Lines from one odd line to the next: every block, of 128 KiB, has at least one."""


def measure(request: Request) -> Figures:
    """Decode blocks that each hold an escaped U+0000, which sends them down the plain path."""
    clean = samples.clean_lines(request.rows)
    odd = clean.copy()
    odd[::STRIDE] = [samples.ODD_LINE] * len(odd[::STRIDE])
    blocks = calls.blocks_of(b"".join(odd))
    return measure_cpu(decoding_trial(clean, blocks, errors=len(odd[::STRIDE])), request)
