"""What the materialized views of `sql/views` buy: a month's questions with and without them.

    python -m loadtest.view_gain [--meters 5000] [--days 30] [--feeders 50]

Runs a QuestDB of its own, fills it with a month of readings, builds the views and asks each
question of the readings and of the views, the first time and the best of five. Both must answer the
same. One meter in a hundred moves to another feeder in the middle of a day. Ends by itself.
"""

import argparse
import math
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from loadtest.options import add_counts
from loadtest.questdb_rest import QuestDBRest
from loadtest.service_under_test import running_database
from loadtest.stored_comparison import TABLE
from loadtest.view_cost.turns import DAILY, HOURLY, wait_views

from utility_ts_analytics.database.table_compare import create_sql
from utility_ts_analytics.database.table_spec import table_specs
from utility_ts_analytics.database.view_spec import view_specs
from utility_ts_analytics.queries.daily_energy import feeder_day_demand_sql
from utility_ts_analytics.queries.reference_versions import SCALED_KWH, feeder_join, scale_join
from utility_ts_analytics.queries.time_range import TimeRange

START = datetime(2026, 3, 1, tzinfo=UTC)
_ASKED = 5
_TABLES = (TABLE, "network_measurements", "meter_feeder_map", "meter_scale_map")


class _Answer(msgspec.Struct):
    dataset: list[list[str | float | None]]


class Asked(msgspec.Struct, frozen=True):
    """How long one question took, seconds: the first time, and the best of `_ASKED`."""

    first_s: float
    best_s: float
    answer: list[list[str | float | None]]

    def same(self, other: "Asked") -> bool:
        """Whether both answers are alike but for the order in which numbers were added."""
        return len(self.answer) == len(other.answer) and all(
            one == two
            or (isinstance(one, float) and isinstance(two, float) and math.isclose(one, two))
            for mine, theirs in zip(self.answer, other.answer, strict=True)
            for one, two in zip(mine, theirs, strict=True)
        )


def questions(month: TimeRange) -> Mapping[str, tuple[str, str]]:
    """Return each question as asked of the readings and of the views; results are alike."""
    within = month.covers_sql("ts")
    demand = (
        f"SELECT mu.ts AS ts, f.feeder_id AS feeder_id, sum({SCALED_KWH}) AS demand_kwh,"
        " count_distinct(mu.meter_id) AS meters, count(mu.kwh) AS intervals\n"
        f"FROM {TABLE} mu\n"
        f"{feeder_join()}{scale_join()}"
        f"WHERE {month.covers_sql('mu.ts')} SAMPLE BY 1d ALIGN TO CALENDAR"
    )
    return {
        "energy of each meter and day": (
            _per_meter(f"SELECT ts, meter_id, sum(kwh) AS kwh FROM {TABLE} WHERE {within}"),  # noqa: S608
            f"SELECT count(), sum(kwh) FROM {DAILY} WHERE {within}",  # noqa: S608
        ),
        "days of one meter": (
            f"SELECT ts, sum(kwh) AS kwh, count(kwh) AS intervals FROM {TABLE}"  # noqa: S608
            f" WHERE meter_id = 'M-17' AND {within} SAMPLE BY 1d ALIGN TO CALENDAR",
            f"SELECT ts, kwh, intervals FROM {DAILY}"  # noqa: S608
            f" WHERE meter_id = 'M-17' AND {within}",
        ),
        "meters and days with gaps": (
            # Not count(): 9.3.4 then forgets the keys of the grouping (questdb/questdb#7201).
            "SELECT count(meter_id) FROM (SELECT ts, meter_id, count(kwh) AS n"  # noqa: S608
            f" FROM {TABLE} WHERE {within} SAMPLE BY 1d ALIGN TO CALENDAR) WHERE n < 96",
            f"SELECT count() FROM {DAILY} WHERE intervals < 96 AND {within}",  # noqa: S608
        ),
        "mean hours of the whole": (
            f"SELECT hour(ts) AS hour, sum(kwh) AS kwh FROM {TABLE} WHERE {within}"  # noqa: S608
            " ORDER BY hour",
            f"SELECT hour(ts) AS hour, sum(kwh) AS kwh FROM {HOURLY} WHERE {within}"  # noqa: S608
            " ORDER BY hour",
        ),
        "demand of each feeder and day": (
            f"{demand} ORDER BY ts, feeder_id",
            feeder_day_demand_sql(month),
        ),
    }


def ask(rest: QuestDBRest, sql: str) -> Asked:
    """Ask one question `_ASKED` times."""
    times_s, answer = [], b"{}"
    for _ in range(_ASKED):
        started_s = time.monotonic()
        answer = rest.execute(sql)
        times_s.append(time.monotonic() - started_s)
    return Asked(times_s[0], min(times_s), msgspec.json.decode(answer, type=_Answer).dataset)


def fill(rest: QuestDBRest, *, meters: int, days: int, feeders: int) -> None:
    """Make the tables, their rows and the views, and wait until all is visible."""
    for name in _TABLES:
        rest.execute(create_sql(table_specs()[name]))
    for day in range(days):
        first = f"'{START + timedelta(days=day):%Y-%m-%d}'::timestamp"
        rest.execute(
            f"INSERT INTO {TABLE} (ts, meter_id, kwh, quality_flag, source_system)"  # noqa: S608
            f" SELECT dateadd('m', (15 * ((x - 1) / {meters}))::int, {first}),"
            f" 'M-' || (x % {meters}), (x * 7919 % 1000) / 1000.0, 'VALID', 'HES-1'"
            f" FROM long_sequence({meters * 96})"
            # One reading in 997 is missing.
            " WHERE x % 997 != 0"
        )
    rest.execute(
        "INSERT INTO meter_feeder_map (valid_from, meter_id, feeder_id, substation_id)"  # noqa: S608
        f" SELECT '2026-01-01', 'M-' || (x - 1), 'F-' || (x % {feeders}), 'S'"
        f" FROM long_sequence({meters})"
    )
    noon = START + timedelta(days=days // 2, hours=12)
    rest.execute(
        "INSERT INTO meter_feeder_map (valid_from, meter_id, feeder_id, substation_id)"  # noqa: S608
        f" SELECT '{noon:%Y-%m-%dT%H:%M}', 'M-' || (x * 100), 'F-0', 'S'"
        f" FROM long_sequence({(meters - 1) // 100})"
    )
    for name in _TABLES:
        rest.wait_applied(name)
    started_s = time.monotonic()
    for spec in view_specs():
        rest.execute(spec.create_sql)
    wait_views(rest, (HOURLY, DAILY))
    print(f"views built in {time.monotonic() - started_s:.1f} s")


def report(results: Mapping[str, tuple[Asked, Asked]]) -> Iterator[str]:
    """Yield the lines of the table, milliseconds."""
    yield "| question | readings: first, best ms | views: first, best ms | times |"
    yield "|---|---:|---:|---:|"
    for question, (base, view) in results.items():
        yield (
            f"| {question} | {base.first_s * 1e3:,.0f}, {base.best_s * 1e3:,.0f}"
            f" | {view.first_s * 1e3:,.1f}, {view.best_s * 1e3:,.1f}"
            f" | {base.best_s / view.best_s:,.0f} |"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Fill, ask and print; 1 if readings and views answered differently."""
    parser = add_counts(
        argparse.ArgumentParser(description="What the materialized views buy."),
        {"meters": (5000, "meters"), "days": (30, "days"), "feeders": (50, "feeders")},
    )
    options = parser.parse_args(arguments)
    month = TimeRange(START, START + timedelta(days=options.days))
    with (
        tempfile.TemporaryDirectory() as folder,
        running_database(Path(folder)) as questdb,
        QuestDBRest(questdb.http_port) as rest,
    ):
        fill(rest, meters=options.meters, days=options.days, feeders=options.feeders)
        print(f"{rest.count(f'SELECT count() FROM {TABLE}'):,} rows")  # noqa: S608 - a constant
        results = {
            question: (ask(rest, base), ask(rest, view))
            for question, (base, view) in questions(month).items()
        }
    for line in report(results):
        print(line)
    different = [name for name, (base, view) in results.items() if not base.same(view)]
    for name in different:
        base, view = results[name]
        print(f"different: {name}: {base.answer[:3]} {view.answer[:3]}")
    return 1 if different else 0


def _per_meter(sql: str) -> str:
    """Sum up a result that would be long, so that sending it is not what is measured."""
    return f"SELECT count(), sum(kwh) FROM ({sql} SAMPLE BY 1d ALIGN TO CALENDAR)"  # noqa: S608


if __name__ == "__main__":
    raise SystemExit(main())
