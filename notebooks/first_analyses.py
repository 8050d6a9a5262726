# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # First analyses: from an empty machine to answers
#
# One week of a small utility, `data-samples/`: 200 meter registers, three feeders, two plants. This notebook loads
# it into a QuestDB and asks five questions:
#
# 1. How did the load run?
# 2. When was it highest, and do the feeders peak together?
# 3. Where is energy lost?
# 4. What is missing?
# 5. When, by the tariff's clock, is energy used?
#
# You need a checkout of the project and its environment: `python3 -m venv .venv`, then
# `.venv/bin/pip install '.[embedded,files,notebook]'`. Run it in Jupyter, or as a plain script:
# `.venv/bin/python notebooks/first_analyses.py`. This file is the source; `first_analyses.ipynb` is made from it.
#
# **Units, once and for all.** `kwh` is energy *within* an interval, so mean power in kW is kWh divided by the hours
# of the interval: times 4 at 15 minutes. `mw` is mean power *over* an interval, so energy in MWh is MW times hours.
# A meter's true energy is `kwh` times its scale factor (current transformers; -1 for what is fed back).

# %%
import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl

from utility_ts_analytics.analysis.balance_row import BalanceRow
from utility_ts_analytics.analysis.report import answers
from utility_ts_analytics.analysis.report.charts_feeders import feeder_losses
from utility_ts_analytics.analysis.report.charts_load import load_curves, peak_spread
from utility_ts_analytics.analysis.report.charts_quality import gap_map
from utility_ts_analytics.analysis.report.charts_tariff import energy_by_period
from utility_ts_analytics.analysis.report.inline_svg import svg_file
from utility_ts_analytics.analysis.report.look import WIDE
from utility_ts_analytics.clock import SystemClock
from utility_ts_analytics.database.embedded import EmbeddedQuestDB
from utility_ts_analytics.database.pool import connect
from utility_ts_analytics.database.reads import Query, fetch_polars
from utility_ts_analytics.database.schema import apply_schema
from utility_ts_analytics.database.table_spec import table_specs
from utility_ts_analytics.database.wal_apply import wait_applied
from utility_ts_analytics.ingest.reference_csv import insert_csv
from utility_ts_analytics.queries.balance_intervals import Intervals
from utility_ts_analytics.queries.completeness import completeness_sql
from utility_ts_analytics.queries.feeder_balance import feeder_balance_sql
from utility_ts_analytics.queries.losses import feeder_losses_sql
from utility_ts_analytics.queries.meter_usage_queries import aggregated_segment_load_sql
from utility_ts_analytics.queries.overview import system_load_sql
from utility_ts_analytics.queries.peaks import (
    CoincidentPeak,
    Diversity,
    coincident_peaks_sql,
    diversity_sql,
)
from utility_ts_analytics.queries.tariff_file import read_tariff
from utility_ts_analytics.queries.time_of_use import time_of_use_sql
from utility_ts_analytics.queries.time_range import TimeRange

IN_JUPYTER = "get_ipython" in globals()
PROJECT = Path.cwd().parent if Path.cwd().name == "notebooks" else Path.cwd()
SAMPLES = PROJECT / "data-samples"
FOLDER = Path(tempfile.mkdtemp(prefix="first_analyses_"))


def in_thread(coroutine):
    """Return what a coroutine returns; in a thread, since Jupyter's own has a loop already."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()


# %% [markdown]
# ## A QuestDB
#
# If the variable `QUESTDB_URI` says where one is, with the sample in it (`./scripts/run` starts one and loads it:
# `postgresql://admin:quest@localhost:8812/qdb`), that one is asked. Otherwise a real QuestDB starts here, on free
# ports, with its data in a temporary folder. It ends with this notebook.

# %%
URI = os.environ.get("QUESTDB_URI", "")
embedded = None
if not URI:
    embedded = EmbeddedQuestDB(FOLDER / "questdb", notify=print)
    running = embedded.start()
    URI = running.pg_uri
    differences = in_thread(apply_schema(URI))
    print(f"QuestDB answers, its tables are as sql/schema says: {not differences}")

# %% [markdown]
# ## The sample
#
# Reference rows (who has which meter, on which feeder, with which factor) are small and go in as CSV. Readings go the
# way that all readings go, through `ingestion-service load`: each line is checked, gets its event id, and is stored
# once, however often the file is loaded.


# %%
async def insert_reference_rows() -> dict[str, int]:
    """Insert every CSV file that is named like a table; return the rows of each."""
    connection = await connect(URI)
    rows = {}
    for name, spec in table_specs().items():
        if (path := SAMPLES / f"{name}.csv").exists():
            rows[name] = await insert_csv(connection, path, spec)
    await connection.close()
    return rows


async def wait_visible() -> None:
    """Wait until what was acknowledged can be read: QuestDB applies it a moment later."""
    connection = await connect(URI)
    await wait_applied(connection, table_specs(), clock=SystemClock(), timeout_s=60.0)
    await connection.close()


if embedded is not None:
    print(in_thread(insert_reference_rows()))
    config = FOLDER / "config.toml"
    config.write_text(
        f'[questdb]\nuri = "{running.pg_uri}"\nilp_http_addr = "{running.http_addr}"\n'
        f'ilp_tcp_addr = "{running.ilp_tcp_addr}"\n'
    )
    for stream in ("meter_usage", "generation_output"):
        command = ["load", str(SAMPLES / f"{stream}.csv.gz"), "--into", stream]
        loaded = subprocess.run(
            [sys.executable, "-m", "utility_ts_analytics", *command, "--config", str(config)],
            env={**os.environ, "XDG_STATE_HOME": str(FOLDER)},  # how far it has come: in our folder
            capture_output=True,
            text=True,
        )
        print(loaded.stdout + loaded.stderr, end="")
        loaded.check_returncode()
    in_thread(wait_visible())

# %% [markdown]
# ## Asking
#
# Questions are functions in `utility_ts_analytics.queries` that return SQL; `docs/ANALYSES.md` lists them, and
# `sql/analysis/` has the SQL for those who would rather paste it into a console. The answer comes as a Polars frame
# whose columns are checked against a type: a query that changes does not fill the wrong column.
#
# The week is Monday to Sunday in UTC. Times in the database are always UTC; local time is asked for where it matters
# (days, tariffs), by the name of the zone, so that the 23 hours of a day in March and the 25 of one in October
# are counted as they are.

# %%
ZONE = "Europe/Berlin"
UTC = ZoneInfo("UTC")
WEEK = TimeRange(datetime(2024, 6, 3, tzinfo=UTC), datetime(2024, 6, 10, tzinfo=UTC))


def ask(sql, row_type):
    """Return the answer of QuestDB as a frame."""

    async def asked():
        connection = await connect(URI)
        try:
            return await fetch_polars(connection, Query(sql, row_type))
        finally:
            await connection.close()

    return in_thread(asked())


def show(figure, name, title):
    """Show a chart here, or keep it as a file where there is no notebook."""
    svg = svg_file(figure, key=name, title=title, description=title)
    if IN_JUPYTER:
        from IPython.display import SVG, display

        display(SVG(svg))
    else:
        (FOLDER / f"{name}.svg").write_text(svg)
        print(f"[{title}: {FOLDER / f'{name}.svg'}]")


# %% [markdown]
# ## 1. How did the load run?
#
# `kwh` is the scaled energy of all readings that start in the hour, `mean_kw` the same over its length. What was not
# read is missing in both: nothing is filled in.

# %%
system = ask(system_load_sql(WEEK, "1h"), answers.SystemLoad)
segments = ask(
    aggregated_segment_load_sql(["residential", "commercial"], WEEK, "1h"), answers.SegmentLoad
)
curves = pl.concat(
    [
        system.select("ts", pl.lit("all meters").alias("group"), "mean_kw"),
        segments.select("ts", pl.col("segment").alias("group"), "mean_kw"),
    ]
)
show(load_curves(WIDE, curves, total="all meters", zone=ZONE), "load", "Mean load of each hour")
highest = system.sort("mean_kw", descending=True).row(0, named=True)
print(f"energy of all meters: {system['kwh'].sum():.3f} kWh")
print(f"highest hour: {highest['mean_kw']:.3f} kW at {highest['ts']:%Y-%m-%d %H:%M} UTC")

# %% [markdown]
# Weekdays are the commercial customers', evenings the households'. Around noon the households' load goes below zero
# on sunny days: 15 of them have a solar roof and feed back more than all households draw.
#
# ## 2. When was it highest, and do the feeders peak together?
#
# A peak is a mean over a quarter of an hour here, not a spike. The feeders' own peaks add up to more than the common
# one, because they are not at the same time; the quotient is the diversity factor.

# %%
common = ask(diversity_sql(WEEK), Diversity).row(0, named=True)
feeders = ask(diversity_sql(WEEK, "feeder"), Diversity)
quarter = TimeRange(common["ts"], common["ts"] + timedelta(minutes=15))
shared = ask(coincident_peaks_sql(quarter, "feeder"), CoincidentPeak)
peaks = feeders.join(shared, on="group_name").select(
    pl.col("group_name").alias("group"),
    pl.col("coincident_kw").alias("own_peak_kw"),
    pl.col("peak_kw").alias("at_system_peak_kw"),
)
show(peak_spread(WIDE, peaks, names="Feeder"), "peaks", "Peaks of feeders")
print(f"common peak: {common['coincident_kw']:.3f} kW at {common['ts']:%Y-%m-%d %H:%M} UTC")
print(f"sum of the feeders' own peaks: {peaks['own_peak_kw'].sum():.3f} kW")

# %% [markdown]
# ## 3. Where is energy lost?
#
# What enters a feeder at its head and from its plants, less what its meters took. Two rules keep the figure honest:
# an interval counts only if all three are known in it, and a reading that is missing makes losses look too high, so the
# share of readings that were there stands beside it. `estimated_loss_pct` takes an estimate of the unread energy out.

# %%
losses = ask(feeder_losses_sql(WEEK), answers.FeederLosses)
whole_days = TimeRange(
    datetime(2024, 6, 4, tzinfo=ZoneInfo(ZONE)), datetime(2024, 6, 10, tzinfo=ZoneInfo(ZONE))
)
by_day = ask(feeder_balance_sql(whole_days, Intervals("1d", ZONE)), BalanceRow)
totals = losses.sort("measured_loss_kwh", descending=True).select(
    "feeder_id", loss_kwh="measured_loss_kwh", loss_pct="measured_loss_pct"
)
show(feeder_losses(WIDE, totals, by_day, zone=ZONE), "losses", "Losses of each feeder")
for row in losses.iter_rows(named=True):
    print(
        f"losses of {row['feeder_id']}: {row['measured_loss_kwh']:.3f} kWh,"
        f" {row['measured_loss_pct']:.3f} % measured, {row['estimated_loss_pct']:.3f} % without gaps"
    )

# %% [markdown]
# The sample was built with 2.5, 4 and 6 % *of what the meters took*; as a share of what entered that is
# 2.44, 3.85 and 5.66 %. F1 and F2 look a little worse as measured: twelve of their readings are missing.
#
# ## 4. What is missing?
#
# Expected is a reading in each quarter of an hour of every meter that was known then: 96 on most days, 92 and 100 on
# the days on which the clock is changed. A reading beside the grid never hides a gap. The darker, the more is missing.

# %%
days = ask(completeness_sql(WEEK, "UTC"), answers.MeterDay)
gaps = days.filter(pl.col("missing") > 0)
cells = days.filter(pl.col("meter_id").is_in(gaps["meter_id"].to_list())).select(
    "meter_id", pl.col("local_day").dt.date().alias("day"), "expected", "present"
)
show(gap_map(WIDE, cells.sort("meter_id", "day")), "gaps", "Meters with gaps")
print(f"missing: {days['missing'].sum()} of {days['expected'].sum()} readings")
for row in gaps.iter_rows(named=True):
    print(f"{row['meter_id']} lacks {row['missing']} on {row['local_day']:%Y-%m-%d}")

# %% [markdown]
# ## 5. When, by the tariff's clock, is energy used?
#
# A tariff is a small file: seasons, kinds of days, windows of the local clock. A reading counts for the period in which
# its interval starts, by the wall clock: the hour that comes twice in October counts twice, the one that is skipped in
# March does not exist. Every reading counts exactly once.

# %%
tariff = read_tariff(PROJECT / "tariffs" / "seasonal-three-period.toml")
energy = ask(time_of_use_sql(tariff, WEEK), answers.PeriodEnergy).rename({"segment": "group"})
show(
    energy_by_period(WIDE, energy, periods=["peak", "shoulder", "off-peak"]),
    "tariff",
    "Energy by tariff period",
)
for row in energy.iter_rows(named=True):
    print(f"{row['group']} in {row['period']} time: {row['kwh']:.3f} kWh")

# %% [markdown]
# ## And now
#
# - `ingestion-service report --out report.html` draws all this, and more, for any period as one page.
# - `docs/ANALYSES.md` has every question, with formula, units and null rules.
# - `ingestion-service load` takes your own files: `docs/LOADING.md`.

# %%
if embedded is not None:
    embedded.stop()
    shutil.rmtree(FOLDER / "questdb")
    print("QuestDB has ended, and its data is gone")
