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
# After this notebook you can load readings into QuestDB and answer five questions about them. The data are one week
# of a small utility, `data-samples/`: 200 meter registers, three feeders, two plants.
#
# 1. How did the load run?
# 2. When was it highest, and do the feeders peak together?
# 3. Where is energy lost?
# 4. What is missing?
# 5. In which tariff period is energy used?
#
# You need a checkout of the project and its environment: `python3 -m venv .venv`, then
# `.venv/bin/pip install '.[embedded,files,notebook]'`. Run it in Jupyter, or as a plain script:
# `.venv/bin/python notebooks/first_analyses.py`. This file is the source; `first_analyses.ipynb` is made from it.
#
# **Units.** `kwh` is energy *within* an interval: mean power in kW is kWh divided by the hours of the interval, so
# times 4 at 15 minutes. `mw` is mean power *over* an interval: energy in MWh is MW times hours. A meter's true energy
# is `kwh` times its scale factor (current transformers; -1 for energy fed into the grid).

# %%
import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl

from utility_ts_analytics import Analysis, TimeRange, connected, read_tariff
from utility_ts_analytics.analysis.report.gaps import gap_map
from utility_ts_analytics.analysis.report.inline_svg import svg_file
from utility_ts_analytics.analysis.report.load import load_curves
from utility_ts_analytics.analysis.report.losses import feeder_losses
from utility_ts_analytics.analysis.report.peaks import peak_spread
from utility_ts_analytics.analysis.report.tariff import energy_by_period
from utility_ts_analytics.analysis.report.theme import WIDE
from utility_ts_analytics.analysis.sources import Sources
from utility_ts_analytics.archive.export import QuestDBHttp
from utility_ts_analytics.clock import SystemClock
from utility_ts_analytics.database.access import PLAIN
from utility_ts_analytics.database.embedded_questdb.server import EmbeddedQuestDB
from utility_ts_analytics.database.reference_csv import insert_csv
from utility_ts_analytics.database.schema import apply_schema, wait_applied
from utility_ts_analytics.database.table_spec import table_specs

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
# Set `QUESTDB_URI` to use a QuestDB that has the sample (`./scripts/run` starts one:
# `postgresql://admin:quest@localhost:8812/qdb`; set `QUESTDB_HTTP` too if its HTTP server is not `localhost:9000`).
# Otherwise a QuestDB starts here, on free ports, with its data in a temporary folder, and stops with this notebook.

# %%
URI = os.environ.get("QUESTDB_URI", "")
HTTP = os.environ.get("QUESTDB_HTTP", "localhost:9000")
embedded = None
if not URI:
    embedded = EmbeddedQuestDB(FOLDER / "questdb", notify=print)
    running = embedded.start()
    URI, HTTP = running.pg_uri, running.http_addr
    differences = in_thread(apply_schema(URI, table_specs().values()))
    print(f"QuestDB answers, its tables are as sql/schema says: {not differences}")

# %% [markdown]
# ## The sample
#
# Reference rows (the customer, feeder and factor of each meter) are inserted from CSV. Readings are loaded with
# `ingestion-service load`: each line is checked, gets its event id, and is stored once, however often it is loaded.


# %%
async def insert_reference_rows() -> dict[str, int]:
    """Insert every CSV file that is named like a table; return the rows of each."""
    rows = {}
    async with connected(URI) as connection:
        for name, spec in table_specs().items():
            if (path := SAMPLES / f"{name}.csv").exists():
                rows[name] = await insert_csv(connection, path, spec)
    return rows


async def wait_visible() -> None:
    """Wait until acknowledged rows can be read: QuestDB applies them a moment later."""
    async with connected(URI) as connection:
        await wait_applied(connection, table_specs(), clock=SystemClock(), timeout_s=60.0)


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
            env={**os.environ, "XDG_STATE_HOME": str(FOLDER)},  # the journal of the load
            capture_output=True,
            text=True,
        )
        print(loaded.stdout + loaded.stderr, end="")
        loaded.check_returncode()
    in_thread(wait_visible())

# %% [markdown]
# ## Asking
#
# Each question is a readable SQL file that DuckDB answers over rows exported from QuestDB; `docs/ANALYSES.md` lists
# them. The answer comes as an Arrow table, here turned into a Polars frame.
#
# The week is Monday to Sunday in UTC. Times in the database are always UTC; days and tariffs use local time, by the
# name of the zone, so that a day in March has 23 hours and one in October 25.

# %%
ZONE = "Europe/Berlin"
UTC = ZoneInfo("UTC")
WEEK = TimeRange(datetime(2024, 6, 3, tzinfo=UTC), datetime(2024, 6, 10, tzinfo=UTC))


tariff = read_tariff(PROJECT / "tariffs" / "seasonal-three-period.toml")
host, port = HTTP.split(":")
sources = Sources(None, server=QuestDBHttp(host, int(port), PLAIN), pg_uri=URI)
session = ExitStack()
analysis = session.enter_context(Analysis(sources, WEEK, zone="UTC", tariff=tariff))


def ask(question, **options):
    """Return the answer as a frame; QuestDB exports the rows once for all questions."""
    return pl.from_arrow(analysis.ask(question, **options))


def show(figure, name, title):
    """Show a chart in a notebook, or write it to a file."""
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
# `kwh` is the scaled energy of all readings that start in the hour, `mean_kw` the same divided by its length. Missing
# readings are missing in both: nothing is filled in.

# %%
system = ask("load", every="1 hour")
segments = ask("load", group="segment", every="1 hour")
curves = pl.concat(
    [
        system.select("ts", pl.lit("all meters").alias("group"), "mean_kw"),
        segments.select("ts", pl.col("group_name").alias("group"), "mean_kw"),
    ]
)
show(load_curves(WIDE, curves, total="all meters", zone=ZONE), "load", "Mean load of each hour")
highest = system.sort("mean_kw", descending=True).row(0, named=True)
print(f"energy of all meters: {system['kwh'].sum():.3f} kWh")
print(f"highest hour: {highest['mean_kw']:.3f} kW at {highest['ts']:%Y-%m-%d %H:%M} UTC")

# %% [markdown]
# Commercial customers dominate weekdays, households the evenings. Around noon on sunny days the households' load is
# below zero: 15 of them have a solar roof and feed in more than all households draw.
#
# ## 2. When was it highest, and do the feeders peak together?
#
# A peak is the highest mean over a quarter of an hour. The feeders' own peaks add up to more than the common one,
# because they occur at different times; the quotient is the diversity factor.

# %%
common = ask("diversity", group="system").row(0, named=True)
feeders = ask("diversity", group="feeder")
quarters = ask("load", group="feeder", every="15 minutes")
shared = quarters.filter(pl.col("ts") == common["ts"])
peaks = feeders.join(shared, on="group_name").select(
    pl.col("group_name").alias("group"),
    pl.col("coincident_kw").alias("own_peak_kw"),
    pl.col("mean_kw").alias("at_system_peak_kw"),
)
show(peak_spread(WIDE, peaks, names="Feeder"), "peaks", "Peaks of feeders")
print(f"common peak: {common['coincident_kw']:.3f} kW at {common['ts']:%Y-%m-%d %H:%M} UTC")
print(f"sum of the feeders' own peaks: {peaks['own_peak_kw'].sum():.3f} kW")

# %% [markdown]
# ## 3. Where is energy lost?
#
# A loss is the energy that enters a feeder at its head and from its plants, minus the energy its meters took. An
# interval counts only if all three are known. Missing readings make losses look too high; `estimated_loss_pct`
# removes an estimate of the missing energy.

# %%
losses = ask("feeder_losses")
whole_days = TimeRange(
    datetime(2024, 6, 4, tzinfo=ZoneInfo(ZONE)), datetime(2024, 6, 10, tzinfo=ZoneInfo(ZONE))
)
with Analysis(sources, whole_days, zone=ZONE) as local_days:  # the week in UTC cuts two of them
    by_day = pl.from_arrow(local_days.ask("feeder_balance", every="1 day"))
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
# Every known meter should have a reading in each quarter of an hour: 96 on most days, 92 and 100 on the days when the
# clock changes. A reading beside the grid never hides a gap. The darker a cell, the more is missing.

# %%
days = ask("completeness")
gaps = days.filter(pl.col("missing") > 0)
cells = days.filter(pl.col("meter_id").is_in(gaps["meter_id"].to_list())).select(
    "meter_id", pl.col("local_day").alias("day"), "expected", "present"
)
show(gap_map(WIDE, cells.sort("meter_id", "day")), "gaps", "Meters with gaps")
print(f"missing: {days['missing'].sum()} of {days['expected'].sum()} readings")
for row in gaps.iter_rows(named=True):
    print(f"{row['meter_id']} lacks {row['missing']} on {row['local_day']:%Y-%m-%d}")

# %% [markdown]
# ## 5. In which tariff period is energy used?
#
# A tariff is a small file: seasons, kinds of days, windows of the local clock. A reading counts for the period in which
# its interval starts. Every reading counts exactly once, also in the hour that comes twice in October.

# %%
energy = ask("time_of_use", group="segment", zone=tariff.zone).rename({"group_name": "group"})
show(
    energy_by_period(WIDE, energy, periods=["peak", "shoulder", "off-peak"]),
    "tariff",
    "Energy by tariff period",
)
for row in energy.iter_rows(named=True):
    print(f"{row['group']} in {row['period']} time: {row['kwh']:.3f} kWh")

# %% [markdown]
# ## What next
#
# - `ingestion-service report --out report.html` draws this and more, for any period, as one page.
# - `docs/ANALYSES.md` has every question, with formula, units and null rules.
# - `ingestion-service load` loads your own files: `docs/LOADING.md`.

# %%
session.close()
if embedded is not None:
    embedded.stop()
    shutil.rmtree(FOLDER / "questdb")
    print("QuestDB has stopped, and its data is removed")
