"""The report of one run: lines for the terminal, and one HTML file that needs nothing else."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from loadtest.processes import MACHINE, Track
from loadtest.profiles.catalogue import Profile
from loadtest.profiles.figures import PERCENTS, Figures
from loadtest.profiles.verdict import WORKER, Check, failed
from matplotlib.figure import Figure

from utility_ts_analytics.analysis.report.inline_svg import svg_text

_STYLE = """
body{font:15px/1.45 system-ui,sans-serif;max-width:1100px;margin:2em auto;padding:0 1em}
table{border-collapse:collapse;margin:.6em 0}td,th{border:1px solid #d0d7de;padding:.25em .6em;
text-align:left;vertical-align:top}.ok{color:#1a7f37}.no{color:#d1242f;font-weight:600}
svg{width:100%;height:auto}
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


def summary_lines(run: Run) -> list[str]:
    """Return the run in a few lines, with every check at the end."""
    figures = run.figures
    due, sent = (
        ", ".join(f"p{percent:g} {times[percent]:,.1f}" for percent in PERCENTS)
        for times in (figures.from_due_ms, figures.from_sent_ms)
    )
    begin_s, end_s = figures.started_s, figures.started_s + figures.elapsed_s
    return [
        f"{run.profile.name}: {figures.rows:,} rows accepted in {figures.elapsed_s:.1f} s"
        f" (planned: {run.seconds:g}), {figures.rows_per_s:,.0f} rows/s,"
        f" {figures.mb_per_s:.1f} MB/s, {figures.posts:,} posts, {figures.replays:,} of them twice",
        f"ms from when due: {due}; from the send: {sent}",
        *(
            f"{it.name}: peak {it.peak_mb:.1f} MB, {it.cores(begin_s, end_s):.2f} cores"
            for it in run.tracks
        ),
        *(f"fault: {fault}" for fault in figures.faults),
        *map(str, run.checks),
    ]


def report_html(run: Run) -> str:
    """Return the whole report."""
    kind, verdict = ("no", "FAILED") if failed(run.checks) else ("ok", "passed")
    name = escape(run.profile.name)
    checks = "".join(
        f"<tr><td class={'ok' if it.passed else 'no'}>{'ok' if it.passed else 'FAIL'}"
        f"<td>{escape(it.name)}<td>{escape(it.expected)}<td>{escape(it.seen)}"
        for it in run.checks
    )
    facts = "".join(f"<tr><td>{escape(k)}<td>{escape(v)}" for k, v in run.facts.items())
    lines = summary_lines(run)[: -len(run.checks) or None]
    picture = svg_text(
        _picture(run), key="run", title=run.profile.name, description=run.profile.text
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{name}: {verdict}</title>'
        f"<style>{_STYLE}</style><h1>{name}: <span class={kind}>{verdict}</span></h1>"
        f"<p>{escape(run.profile.text)}</p>"
        f"<table><tr><th><th>check<th>expected<th>seen{checks}</table>{picture}"
        f"{''.join(f'<p>{escape(line)}</p>' for line in lines)}<table>{facts}</table></html>\n"
    )


def _picture(run: Run) -> Figure:
    """Draw rates, times, memory and CPU over the run."""
    figure = Figure(figsize=(11, 10), layout="constrained")
    axes = figure.subplots(3, 2).flat
    seconds, began_s = run.figures.seconds, run.figures.started_s
    at_s = [one.at_s for one in seconds]

    def draw(title: str, curves: Iterable[tuple[str, Sequence[float], Sequence[float]]]) -> None:
        axis = next(axes)
        axis.set_title(title, fontsize=10)
        for label, x, y in curves:
            axis.plot(x, y, label=label, linewidth=1)
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
        if axis.get_lines():
            axis.legend(fontsize=7)

    draw("Rows accepted, 1/s", [("rows/s", at_s, [one.rows_per_s for one in seconds])])
    all_answers = [one.answers_per_s for one in seconds]
    refused = [one.turned_away_per_s for one in seconds]
    draw("Answers, 1/s", [("all", at_s, all_answers), ("429 and 503", at_s, refused)])
    ended = [one for one in seconds if one.p50_ms is not None]
    draw(
        "Time from when a post was due to its answer, ms",
        [
            (label, [one.at_s for one in ended], [getattr(one, name) for one in ended])
            for label, name in (("p50", "p50_ms"), ("p99", "p99_ms"), ("longest", "longest_ms"))
        ],
    )
    workers = [it for it in run.tracks if it.name.startswith(WORKER)]
    others = [it for it in run.tracks if it not in workers and it.name != MACHINE]
    for title, tracks in (("Memory of the workers, MB", workers), ("Other memory, MB", others)):
        draw(
            title,
            [
                (
                    f"{it.name}, peak {it.peak_mb:.0f} MB",
                    [x - began_s for x in it.times_s],
                    it.rss_mb,
                )
                for it in tracks
            ],
        )
    draw("CPU, cores", [(it.name, *_cores(it, began_s)) for it in run.tracks])
    return figure


def _cores(track: Track, began_s: float) -> tuple[list[float], list[float]]:
    """Return moments, seconds of the run, and the cores taken until each since the one before."""
    pairs = [
        (later_s - began_s, (later - earlier) / (later_s - earlier_s))
        for (earlier_s, earlier), (later_s, later) in pairwise(
            zip(track.times_s, track.cpu_s, strict=True)
        )
        if later_s > earlier_s
    ]
    return [x for x, _ in pairs], [y for _, y in pairs]
