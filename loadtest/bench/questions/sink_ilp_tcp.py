"""How fast does QuestDB take batches over ILP/TCP, which acknowledges nothing, by their size?"""

from loadtest.bench.figures import Figures
from loadtest.bench.request import Request
from loadtest.bench.sink_turns import measure_sink


def measure(request: Request) -> Figures:
    """Encode and send batches one after the other, until their rows are visible."""
    return measure_sink("ilp_tcp", request)
