"""Section on the tariff: energy of each segment by period, and its typical day."""

from collections.abc import Sequence

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from utility_ts_analytics.analysis.report import typical_day
from utility_ts_analytics.analysis.report.content import KeyFigure, Picture, Section, Table
from utility_ts_analytics.analysis.report.queries import (
    Queries,
    largest_groups,
    segment_energy,
    segments_left_out,
)
from utility_ts_analytics.analysis.report.theme import (
    PAPER,
    SERIES,
    Shape,
    chart,
    label,
    name_rows,
    number,
    value_axis,
    write_beside,
)
from utility_ts_analytics.analysis.report.wording import decimal, energy, listed
from utility_ts_analytics.queries.tariff_calendar import TariffCalendar

KEY, QUESTION = "tariff", "When is energy used?"
_PERIODS_MAX = 6
_MIDDLE_COLOURS = (SERIES[4], SERIES[2], SERIES[3], SERIES[6])
_LABEL_PCT_MIN = 9.0
_NARROW_LABEL_PCT_MIN = 14.0


def gather(queries: Queries) -> Section:
    """Return the section of a period."""
    energies = segment_energy(queries)
    groups = largest_groups(energies)
    drawn = energies.filter(pl.col("group").is_in(groups))
    if drawn["season"].n_unique() > 1:
        drawn = drawn.with_columns(period=pl.col("season") + pl.lit(", ") + pl.col("period"))
    notes = [
        _tariff_note(queries.calendar, given=queries.tariff_given),
        *segments_left_out(energies),
    ]
    if (count := drawn["period"].n_unique()) > _PERIODS_MAX:
        notes.append(f"Drawn are {_PERIODS_MAX} periods, of {count}.")
    return tariff_section(
        drawn.group_by("group", "period", maintain_order=True).agg(pl.col("kwh").sum()),
        typical_day.day_profile(queries, groups),
        periods=busiest_first(drawn),
        zone=queries.calendar.zone,
        notes=notes,
    )


def busiest_first(energies: pl.DataFrame) -> list[str]:
    """Return the periods, peak before the rest before off-peak, as far as their names say."""
    names = [str(name) for name in energies["period"].unique(maintain_order=True)]
    return sorted(names, key=_rank)[:_PERIODS_MAX]


def _rank(period: str) -> int:
    name = period.lower()
    if "off" in name or "night" in name or "low" in name:
        return 2
    return 0 if "peak" in name or "high" in name or "day" in name else 1


def _tariff_note(calendar: TariffCalendar, *, given: bool) -> str:
    text = (
        "A reading counts for the period in which its interval starts, by the wall clock of"
        f" {calendar.zone}."
    )
    if given:
        return text
    return f"No tariff was given, so day is 07:00 to 23:00 and night the rest (--tariff). {text}"


def tariff_section(
    energies: pl.DataFrame,
    profile: pl.DataFrame,
    *,
    periods: Sequence[str],
    zone: str,
    notes: Sequence[str] = (),
) -> Section:
    """Return the section that frames give.

    Args:
        energies: As `energy_by_period` takes them; may be empty.
        profile: As `typical_day.day_profile` returns it; may be empty.
        periods: Of the tariff, the busiest first.
        zone: Local time.
        notes: What the periods are.
    """
    total = float(energies["kwh"].sum()) if len(energies) else 0.0
    if energies.is_empty():
        return Section(
            KEY, QUESTION, "Not known: no reading of a meter with a customer lies in this period."
        )
    sums = {
        period: float(energies.filter(pl.col("period") == period)["kwh"].sum())
        for period in periods
    }
    shares = (
        [f"{decimal(100 * kwh / total, 0)} % in {period} time" for period, kwh in sums.items()]
        if total > 0
        else []
    )
    finding = f"Of {energy(total)}, {listed(shares, 6)}." if shares else f"{energy(total)}."
    pictures = [
        Picture(
            f"{KEY}-energy",
            "How each segment's energy splits over the tariff's periods",
            f"One bar per segment, split by period. {finding}",
            lambda shape: energy_by_period(shape, energies, periods=periods),
        )
    ]
    tables = [
        Table(
            "Energy by segment and period",
            ["Segment", *(f"{period}, kWh" for period in periods)],
            _wide(energies, periods),
        )
    ]
    if len(profile):
        pictures.append(typical_day.day_picture(profile, zone))
        tables.append(typical_day.day_table(profile))
    figure = KeyFigure("Energy", energy(total), "".join(shares[:1]))
    return Section(KEY, QUESTION, finding, pictures, tables, notes, figure)


def _wide(energies: pl.DataFrame, periods: Sequence[str]) -> list[list[str]]:
    values = {(g, p): kwh for g, p, kwh in energies.select("group", "period", "kwh").rows()}
    groups = energies["group"].unique(maintain_order=True)
    return [
        [str(group), *(decimal(values.get((group, period))) for period in periods)]
        for group in groups
    ]


@chart
def energy_by_period(
    figure: Figure, shape: Shape, energy: pl.DataFrame, *, periods: Sequence[str]
) -> None:
    """Draw for each group how its energy splits over the tariff's periods.

    Args:
        figure: Empty; given by `chart`.
        shape: Size to draw for.
        energy: `group`, `period`, `kwh`; groups in order of first appearance from the top. Only
            energy above 0 has a width.
        periods: In the order in which they stand in a bar, at most six: the busiest first, the
            quietest last.
    """
    groups = list(energy["group"].unique(maintain_order=True))
    figure.set_figheight(1.15 + 0.42 * len(groups))
    axes = figure.add_subplot()
    left = [0.0] * len(groups)
    totals = [_kwh(energy, group) for group in groups]
    for index, period in enumerate(periods):
        colour = _period_colour(index, len(periods))
        shares = [
            100 * max(0.0, _kwh(energy, group, period)) / total if total > 0 else 0.0
            for group, total in zip(groups, totals, strict=True)
        ]
        axes.barh(
            range(len(groups)),
            shares,
            left=left,
            height=0.62,
            color=colour,
            edgecolor=PAPER,
            linewidth=1,
            label=label(period, 20),
        )
        _label_shares(axes, left, shares, narrow=shape.narrow)
        left = [start + share for start, share in zip(left, shares, strict=True)]
    for place, total in enumerate(totals):
        write_beside(axes, f"{number(total)} kWh", (100, place))
    name_rows(axes, groups, 18)
    axes.set_ylim(len(groups) - 0.5, -0.5)
    axes.set_xlim(0, 100)
    value_axis(axes, "Share of the group's energy, %", horizontal=True)
    figure.legend(
        loc="outside upper left",
        ncols=3 if shape.narrow else 6,
        handlelength=1.1,
        columnspacing=1.2,
    )


def _label_shares(
    axes: Axes, left: Sequence[float], shares: Sequence[float], *, narrow: bool
) -> None:
    """Write each share into its piece of the bar, where there is room for it."""
    least = _NARROW_LABEL_PCT_MIN if narrow else _LABEL_PCT_MIN
    for place, (start, share) in enumerate(zip(left, shares, strict=True)):
        if share >= least:
            axes.text(
                start + share / 2,
                place,
                f"{share:.0f} %",
                color=PAPER,
                fontweight="bold",
                horizontalalignment="center",
                verticalalignment="center",
            )


def _period_colour(index: int, count: int) -> str:
    """Return orange for the first, blue for the last, and others for those in between."""
    if index == count - 1:
        return SERIES[0]
    return SERIES[1] if index == 0 else _MIDDLE_COLOURS[(index - 1) % len(_MIDDLE_COLOURS)]


def _kwh(energy: pl.DataFrame, group: str, period: str | None = None) -> float:
    chosen = energy.filter(pl.col("group") == group)
    if period is not None:
        chosen = chosen.filter(pl.col("period") == period)
    return float(chosen["kwh"].sum())
