"""The balance of the sample, against `expected.json` and DuckDB on the raw files."""

import json
from datetime import UTC, datetime

import duckdb
import pytest
from tests.unit.analysis.questions.network_rig import balances
from tests.unit.analysis.questions.question_rig import SAMPLE_WEEK, ask
from tests.unit.queries.query_rig import SAMPLES, Database

pytestmark = pytest.mark.questdb

EXPECTED = json.loads((SAMPLES / "expected.json").read_text())
ROUNDED_KWH = 0.001  # the head is known to a millionth of a MW: an eighth of a Wh per interval
WEEK = (SAMPLE_WEEK.start, SAMPLE_WEEK.end)

# Independent of the package: no versions are needed, as nothing of the sample changes in its week.
DUCKDB = """
WITH head AS (
  SELECT ts, feeder_id, value * 1000 * 0.25 AS kwh FROM read_csv('{dir}/network_measurements.csv')
), generation AS (
  SELECT g.ts, p.feeder_id, sum(g.mw) * 1000 * 0.25 AS kwh
  FROM read_csv('{dir}/generation_output.csv.gz') g
  JOIN read_csv('{dir}/plant_feeder_map.csv') p USING (plant_id) GROUP BY ALL
), demand AS (
  SELECT m.ts, f.feeder_id, sum(m.kwh * coalesce(s.scale_factor, 1)) AS kwh, count(*) AS n,
    count(*) FILTER (m.quality_flag = 'ESTIMATED') AS estimated
  FROM read_csv('{dir}/meter_usage.csv.gz') m
  JOIN read_csv('{dir}/meter_feeder_map.csv') f USING (meter_id)
  LEFT JOIN read_csv('{dir}/meter_scale_map.csv') s USING (meter_id) GROUP BY ALL
), mapped AS (
  SELECT feeder_id, count(*) AS n FROM read_csv('{dir}/meter_feeder_map.csv') GROUP BY ALL
)
SELECT time_bucket(INTERVAL '{bucket}', d.ts) AS ts, d.feeder_id, sum(h.kwh),
  sum(coalesce(g.kwh, 0)), sum(d.kwh), 100 * sum(d.n) / sum(mapped.n),
  100 * sum(d.estimated) / sum(d.n)
FROM demand d JOIN head h USING (ts, feeder_id) JOIN mapped USING (feeder_id)
LEFT JOIN generation g ON g.ts = d.ts AND g.feeder_id = d.feeder_id GROUP BY ALL
"""


def number(value: object) -> float:
    assert isinstance(value, int | float)
    return float(value)


def missing_kwh(feeder: str) -> float:
    return sum(
        float(kwh) for meter, kwh in EXPECTED["missing_kwh"].items() if f"-{feeder}-" in meter
    )


@pytest.mark.parametrize("bucket", ["15 minutes", "1 hour"])
def test_every_interval_equals_the_sums_over_the_raw_files(
    sample_questdb: Database, bucket: str
) -> None:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        rows = connection.execute(DUCKDB.format(dir=SAMPLES, bucket=bucket)).fetchall()
    expected = {(ts.astimezone(UTC), feeder): values for ts, feeder, *values in rows}

    found = balances(sample_questdb, WEEK[1], start=WEEK[0], every=bucket)

    assert len(expected) == len(found) == 672 * 3 / (1 if bucket == "15 minutes" else 4)
    for key, (supplied, generation, demand, coverage, estimated) in expected.items():
        row = found[key]
        loss = supplied + generation - demand
        share = 100 * loss / (supplied + generation) if supplied + generation > 0 else None
        for column, value in (
            ("supplied_kwh", supplied),
            ("generation_kwh", generation),
            ("demand_kwh", demand),
            ("loss_kwh", loss),
            ("loss_pct", share),
            ("coverage_pct", coverage),
            ("estimated_pct", estimated),
        ):
            wanted = None if value is None else pytest.approx(value, abs=1e-6, rel=1e-6)
            assert row[column] == wanted, (key, column)


def test_week_has_the_losses_built_into_the_sample(sample_questdb: Database) -> None:
    """Demand lacks what was never read, and the loss holds it."""
    days = balances(sample_questdb, WEEK[1], start=WEEK[0], every="1 day")
    quarters = balances(sample_questdb, WEEK[1], start=WEEK[0])
    for feeder, expected in EXPECTED["feeders"].items():
        found = quarters if feeder == "F3" else days
        rows = [row for (_, name), row in found.items() if name == feeder]
        missing = missing_kwh(feeder)
        for column, kwh in (
            ("supplied_kwh", expected["supplied_kwh"]),
            ("generation_kwh", expected["generation_kwh"]),
            ("demand_kwh", expected["demand_kwh"] - missing),
            ("loss_kwh", expected["loss_kwh"] + missing),
        ):
            total = sum(number(row[column]) for row in rows)
            assert total == pytest.approx(kwh, abs=2 * ROUNDED_KWH), (feeder, column)


def test_gaps_are_where_the_sample_has_them(sample_questdb: Database) -> None:
    found = balances(sample_questdb, WEEK[1], start=WEEK[0])
    short = {key: row for key, row in found.items() if row["coverage_pct"] != 100}

    assert [key[1] for key in short] == ["F1"] * 4 + ["F2"] * 8
    assert min(short)[0] == datetime(2024, 6, 3, 10, tzinfo=UTC)
    for (_, feeder), row in short.items():
        meters = {"F1": 100, "F2": 60}[feeder]
        assert (row["expected_readings"], row["present_readings"]) == (meters, meters - 1)


def test_losses_of_the_week_measured_and_estimated(sample_questdb: Database) -> None:
    rows = ask(
        sample_questdb,
        "feeder_losses",
        SAMPLE_WEEK,
        *("feeder_id", "known_intervals", "measured_loss_kwh", "measured_loss_pct"),
        *("coverage_pct", "unread_estimated_kwh", "estimated_loss_kwh"),
    )

    assert [row[0] for row in rows] == ["F1", "F2", "F3"]
    for feeder, known, *values in rows:
        loss, loss_pct, coverage, unread, estimated = map(number, values)
        expected, missing = EXPECTED["feeders"][feeder], missing_kwh(str(feeder))
        put_in = expected["supplied_kwh"] + expected["generation_kwh"]
        assert known == 672
        assert loss == pytest.approx(expected["loss_kwh"] + missing, abs=2 * ROUNDED_KWH)
        assert loss_pct == pytest.approx(100 * loss / put_in, rel=1e-5)
        coverages = {"F1": 67196 / 672, "F2": 40312 / 403.2, "F3": 100}
        assert coverage == pytest.approx(coverages[str(feeder)])
        # Of the right size: a mean reading is not the one that is missing.
        assert 0.5 * missing <= unread <= 1.5 * missing
        assert estimated == pytest.approx(loss - unread)


def test_loading_of_the_week_equals_the_raw_file(sample_questdb: Database) -> None:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        expected = connection.execute(
            "SELECT feeder_id, max(kw), arg_max(ts, kw), avg(kw), min(kw), arg_min(ts, kw),"
            " sum(CASE WHEN kw < 0 THEN -kw / 4 ELSE 0 END), count(*) FILTER (kw < 0) / 4,"
            " (SELECT sum(rated_kva) FROM read_csv($meters) m"
            "  JOIN read_csv($map) f USING (meter_id)"
            "  WHERE f.feeder_id = n.feeder_id AND m.register != 'export')"
            " FROM (SELECT *, value * 1000 AS kw FROM read_csv($nm)) n GROUP BY 1 ORDER BY 1",
            {
                "nm": str(SAMPLES / "network_measurements.csv"),
                "meters": str(SAMPLES / "meters.csv"),
                "map": str(SAMPLES / "meter_feeder_map.csv"),
            },
        ).fetchall()

    rows = ask(
        sample_questdb,
        "feeder_loading",
        SAMPLE_WEEK,
        *("feeder_id", "peak_kw", "peak_ts", "mean_kw", "min_kw", "min_ts"),
        *("fed_back_kwh", "fed_back_hours", "connected_kva"),
        *("interval_count", "missing_intervals"),
    )

    assert len(rows) == len(expected) == 3
    for row, (feeder, *values) in zip(rows, expected, strict=True):
        assert row[0] == feeder
        assert row[9:] == (672, 0)
        for found, value in zip(row[1:9], values, strict=True):
            if isinstance(value, datetime):
                assert found == value.astimezone(UTC)
            else:
                assert found == pytest.approx(float(value), abs=1e-6)
