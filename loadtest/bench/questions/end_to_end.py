"""How many rows are stored in the time in which QuestDB alone takes the same rows ready-made?"""

from pathlib import Path

import msgspec
from loadtest.bench import end_to_end
from loadtest.bench.figures import Figures, Memory, Round, figures_of
from loadtest.bench.request import Request

AGAINST = "direct ILP/HTTP"
WARM_UP_MAX = 3


def measure(request: Request) -> Figures:
    """Let both sides take turns, until every row is visible; the ratio is the median of pairs."""
    out = Path(request.directory, "end_to_end.json")
    warm_up = min(WARM_UP_MAX, request.rounds)
    options = {"rows": request.rows, "pairs": request.rounds, "warm-up": warm_up, "out": out}
    end_to_end.main([f"--{name}={value}" for name, value in options.items()])
    result = msgspec.json.decode(out.read_bytes(), type=end_to_end.Result)
    turns = [turn for turn in result.turns if turn.side == "service"]
    return figures_of(
        (request.bench, request.case),
        [
            Round(turn.visible_s, turn.service_cpu_s, ratio)
            for turn, ratio in zip(turns, result.ratios, strict=True)
        ],
        Memory(max(result.worker_rss_peak_mib, default=0.0), None),
        rows=request.rows,
        size_bytes=round(turns[0].megabytes * 1e6),
        against=AGAINST,
        extra={
            "median_rows_per_s": result.service_rows_per_s,
            "median_direct_rows_per_s": result.direct_rows_per_s,
            "median_cpu_us_per_row": result.service_cpu_us_per_row,
            "refusals": sum(turn.refusals for turn in turns),
        },
    )
