"""The report of one run: a single HTML file without anything from outside."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from loadtest.charts import Chart, Curve
from loadtest.processes import MACHINE, Track
from loadtest.profiles.catalogue import Profile
from loadtest.profiles.figures import PERCENTS, Figures
from loadtest.profiles.verdict import WORKER, Check, failed

_STYLE = """
body{font:15px/1.45 system-ui,sans-serif;max-width:1520px;margin:2em auto;padding:0 1em;
color:#1f2328}
table{border-collapse:collapse;margin:.6em 0}td,th{border:1px solid #d0d7de;padding:.25em .6em;
text-align:left;vertical-align:top}td.n{text-align:right;font-variant-numeric:tabular-nums}
.ok{color:#1a7f37}.no{color:#d1242f;font-weight:600}.pictures{display:flex;flex-wrap:wrap;gap:1em}
figure{margin:0;width:720px;max-width:100%}figcaption{font-weight:600}svg{width:100%;height:auto}
polyline{fill:none;stroke-width:1.5}.grid{stroke:#eaeef2}.limit{stroke:#d1242f;stroke-dasharray:6 4}
text{font-size:11px;fill:#57606a}text.y{text-anchor:end}text.x{text-anchor:middle}
.legend{margin:0;font-size:13px}.legend span{margin-right:1.2em}.legend i{display:inline-block;
width:.8em;height:.8em;margin-right:.4em;border-radius:2px}
"""


@dataclass(frozen=True, slots=True)
class Run:
    """All that a report is made of; `facts` say what it ran on and how, by name."""

    profile: Profile
    seconds: float
    figures: Figures
    checks: Sequence[Check]
    tracks: Sequence[Track]
    facts: Mapping[str, str]


def report_html(run: Run) -> str:
    """Return the whole report."""
    verdict = "FAILED" if failed(run.checks) else "passed"
    kind = "no" if failed(run.checks) else "ok"
    return "".join(
        (
            '<!doctype html><html lang="en"><meta charset="utf-8">',
            f"<title>{escape(run.profile.name)}: {verdict}</title><style>{_STYLE}</style>",
            f"<h1>{escape(run.profile.name)}: <span class={kind}>{verdict}</span></h1>",
            f"<p>{escape(run.profile.text)}</p>",
            _verdict_table(run.checks),
            '<h2>Over time</h2><div class="pictures">',
            *(chart.html() for chart in _charts(run)),
            "</div><h2>Figures</h2>",
            _table(("", ""), _figure_rows(run)),
            "<h2>Processes</h2>",
            _table(
                ("process", "pid", "peak MB", "last MB", "CPU, cores on average"),
                (
                    (track.name, f"{track.pid}", f"{track.peak_mb:.1f}", f"{last:.1f}", cores)
                    for track in run.tracks
                    for last, cores in (
                        (track.rss_mb[-1], f"{_mean_cores(track, run.figures):.2f}"),
                    )
                ),
            ),
            "<h2>What it ran on</h2>",
            _table(("", ""), run.facts.items()),
            "</html>\n",
        )
    )


def summary_text(run: Run) -> str:
    """Return the run in a few lines, for the terminal."""
    figures = run.figures
    times = ", ".join(
        f"p{percent:g} {figures.from_due_ms.get(percent):,.1f}" for percent in PERCENTS
    )
    sent = ", ".join(
        f"p{percent:g} {figures.from_sent_ms.get(percent):,.1f}" for percent in (50, 99)
    )
    lines = [
        f"{run.profile.name}: {figures.rows:,} rows accepted in {figures.elapsed_s:.1f} s,"
        f" {figures.rows_per_s:,.0f} rows/s, {figures.mb_per_s:.1f} MB/s,"
        f" {figures.posts:,} posts",
        f"ms from when due: {times}; from the send: {sent}",
    ]
    lines += [
        f"{track.name}: peak {track.peak_mb:.1f} MB, {_mean_cores(track, figures):.2f} cores"
        for track in run.tracks
    ]
    return "\n".join([*lines, *map(str, run.checks)])


def _verdict_table(checks: Iterable[Check]) -> str:
    rows = "".join(
        f"<tr><td class={'ok' if check.passed else 'no'}>{'ok' if check.passed else 'FAIL'}"
        f"<td>{escape(check.name)}<td>{escape(check.expected)}<td>{escape(check.seen)}"
        for check in checks
    )
    return f"<table><tr><th><th>check<th>expected<th>seen{rows}</table>"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(text)}" for text in heads) if any(heads) else ""
    body = "".join(
        "<tr>" + "".join(f"<td{' class=n' if at else ''}>{escape(t)}" for at, t in enumerate(row))
        for row in rows
    )
    return f"<table><tr>{head}{body}</table>"


def _figure_rows(run: Run) -> list[tuple[str, str]]:
    figures = run.figures
    rows = [
        ("posts", f"{figures.posts:,}"),
        ("posted a second time on purpose", f"{figures.replays:,}"),
        ("answers", f"{figures.answers:,}"),
        ("answers 429 and 503", f"{figures.turned_away:,}"),
        ("posts without their right answer", f"{figures.errors:,}"),
        ("rows accepted", f"{figures.rows:,}"),
        ("rows per second", f"{figures.rows_per_s:,.0f}"),
        ("MB per second", f"{figures.mb_per_s:.1f}"),
        ("seconds", f"{figures.elapsed_s:.1f} (planned: {run.seconds:g})"),
    ]
    for name, times in (("when due", figures.from_due_ms), ("the send", figures.from_sent_ms)):
        rows += [
            (f"p{percent:g} from {name}, ms", f"{times.get(percent):,.1f}") for percent in PERCENTS
        ]
    return rows + [("fault", fault) for fault in figures.faults]


def _charts(run: Run) -> list[Chart]:
    figures = run.figures
    at = sorted(figures.seconds)
    step_s = figures.step_s
    seconds = [(index * step_s, figures.seconds[index]) for index in at]
    began_s = figures.started_s
    return [
        Chart(
            "Rows accepted", "rows/s", [Curve("rows/s", [(x, s.rows / step_s) for x, s in seconds])]
        ),
        Chart(
            "Answers",
            "1/s",
            [
                Curve("all", [(x, s.answers / step_s) for x, s in seconds]),
                Curve("429 and 503", [(x, s.turned_away / step_s) for x, s in seconds]),
            ],
        ),
        Chart(
            "Time from when a post was due to its answer",
            "ms",
            [
                Curve(f"p{percent:g}", [(x, s.from_due_ms.get(percent)) for x, s in seconds])
                for percent in (50, 99, 100)
            ],
        ),
        Chart(
            "Posts answered within a time",
            "% of all",
            [
                Curve("from when due", figures.from_due_ms.distribution()),
                Curve("from the send", figures.from_sent_ms.distribution()),
            ],
            x_unit="ms",
            x_log=True,
        ),
        _memory_chart("Memory of the workers", run, began_s, workers=True),
        _memory_chart("Memory of the other processes", run, began_s, workers=False),
        Chart(
            "CPU",
            "cores",
            [Curve(track.name, _cores(track, began_s)) for track in run.tracks],
        ),
    ]


def _memory_chart(title: str, run: Run, began_s: float, *, workers: bool) -> Chart:
    return Chart(
        title,
        "MB resident",
        [
            Curve(
                f"{track.name}, peak {track.peak_mb:.0f} MB",
                [(x - began_s, y) for x, y in zip(track.times_s, track.rss_mb, strict=True)],
            )
            for track in run.tracks
            if track.name.startswith(WORKER) == workers and track.name != MACHINE
        ],
        limit=run.profile.limits.worker_mb if workers else None,
    )


def _cores(track: Track, began_s: float) -> list[tuple[float, float]]:
    samples = list(zip(track.times_s, track.cpu_s, strict=True))
    return [
        (later_s - began_s, (later - earlier) / (later_s - earlier_s))
        for (earlier_s, earlier), (later_s, later) in pairwise(samples)
        if later_s > earlier_s
    ]


def _mean_cores(track: Track, figures: Figures) -> float:
    return track.cores(figures.started_s, figures.started_s + figures.elapsed_s)
