"""How many of the readings that should be there are there, meter by meter and day by day?

The intervals of the period are numbered from its start, from 0: *slots*. What is known of meters
and days are ranges of slots, so that what is due is counted without making a row for each slot.
"""

from datetime import timedelta

from examples.spark.archive import Period, readings, reference, versions
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the usual name

OUT_OF_SERVICE = ("inactive", "removed", "retired")
"""Values of `status`, in any case, with which a meter owes no readings."""


def completeness(
    spark: SparkSession, archive: str, period: Period, *, interval_minutes: int = 15
) -> DataFrame:
    """Return the completeness of each meter and local day.

    Columns, one row per local day and meter that was due or sent something on it, ordered by
    `local_day`, `meter_id`:

    - `local_day`: date in the zone of the period.
    - `meter_id`.
    - `expected`: intervals of that day in the period while the meter was known. A whole day has 92,
      96 or 100 quarter hours, by the clock changes of the zone. A meter is known by `meters` (but
      for versions out of service), by `meter_feeder_map` if `meters` lacks it, and for all of the
      period if both lack it and it sent something.
    - `present`: expected intervals in which a reading starts.
    - `missing`: `expected` - `present`.
    - `present_pct`: 100 * `present` / `expected`; null where nothing was expected.
    - `off_grid`: readings that do not start with an interval.
    - `doubled`: readings beyond the first of their interval.
    - `unexpected`: readings from intervals in which the meter was not known.

    Args:
        spark: From `session`.
        archive: Folder or URL of the archive.
        period: A whole number of intervals; best from midnight to midnight of its zone.
        interval_minutes: Of every meter, at least 1.

    Raises:
        ValueError: The period is no whole number of intervals.
    """
    if (period.end - period.start) % timedelta(minutes=interval_minutes):
        raise ValueError(f"cannot cut the period into intervals of {interval_minutes} minutes")
    grid = _Grid(period, interval_minutes)
    sent = readings(spark, archive, period)
    known = _known_slots(spark, archive, sent, grid)
    figures = ("expected", "present", "off_grid", "doubled", "unexpected")
    due = _due_by_day(spark, known, grid)
    return (
        due.unionByName(_sent_by_day(sent, known, grid), allowMissingColumns=True)
        .groupBy("local_day", "meter_id")
        .agg(*(F.coalesce(F.sum(name), F.lit(0)).alias(name) for name in figures))
        .withColumn("missing", F.col("expected") - F.col("present"))
        .withColumn(
            "present_pct",
            F.when(F.col("expected") > 0, 100.0 * F.col("present") / F.col("expected")),
        )
        .select("local_day", "meter_id", *figures[:2], "missing", "present_pct", *figures[2:])
        .orderBy("local_day", "meter_id")
    )


class _Grid:
    """The slots of a period."""

    def __init__(self, period: Period, interval_minutes: int) -> None:
        self.period = period
        self.step_us = interval_minutes * 60_000_000
        self.count = (period.end_us - period.start_us) // self.step_us

    def slot(self, ts: str) -> Column:
        """Return the slot in which a time of the period lies."""
        return self._whole_steps(F.unix_micros(ts) - self.period.start_us)

    def next_slot(self, ts: str) -> Column:
        """Return the first slot that starts at or after a time, 0 to `count`."""
        since_start = F.greatest(F.lit(0), F.unix_micros(ts) - self.period.start_us)
        return F.least(F.lit(self.count), self._whole_steps(since_start + self.step_us - 1))

    def local_day(self, slot: str) -> Column:
        """Return the local date on which a slot starts."""
        start = F.timestamp_micros(F.lit(self.period.start_us) + F.col(slot) * self.step_us)
        return F.to_date(F.from_utc_timestamp(start, self.period.zone))

    def _whole_steps(self, us: Column) -> Column:
        """Return how many whole steps fit; in whole numbers, as `/` alone is in floating point."""
        return ((us - us % self.step_us) / self.step_us).cast("long")


def _known_slots(spark: SparkSession, archive: str, sent: DataFrame, grid: _Grid) -> DataFrame:
    """Return `meter_id`, `lo`, `hi`: slots from `lo` up to before `hi` are due; none twice."""
    meters = versions(reference(spark, archive, "meters"), "meter_id")
    mapped = versions(reference(spark, archive, "meter_feeder_map"), "meter_id")
    status = F.coalesce(F.lower("status"), F.lit(""))
    listed = meters.where(~status.isin(*OUT_OF_SERVICE))
    only_mapped = mapped.join(meters, "meter_id", "left_anti")
    spans = listed.select("meter_id", "valid_from", "until").unionByName(
        only_mapped.select("meter_id", "valid_from", "until")
    )
    until = F.when(F.col("until").isNull(), F.lit(grid.count)).otherwise(grid.next_slot("until"))
    in_neither = (
        sent.select("meter_id")
        .distinct()
        .join(meters, "meter_id", "left_anti")
        .join(mapped, "meter_id", "left_anti")
        .select("meter_id", F.lit(0).cast("long").alias("lo"), F.lit(grid.count).alias("hi"))
    )
    return (
        spans.select("meter_id", grid.next_slot("valid_from").alias("lo"), until.alias("hi"))
        .where("lo < hi")
        .unionByName(in_neither)
    )


def _due_by_day(spark: SparkSession, known: DataFrame, grid: _Grid) -> DataFrame:
    """Return `local_day`, `meter_id`, `expected`."""
    days = (
        spark.range(grid.count)
        .groupBy(grid.local_day("id").alias("local_day"))
        .agg(F.min("id").alias("first"), (F.max("id") + 1).alias("end"))
    )
    both = F.least("hi", "end") - F.greatest("lo", "first")
    overlap = (F.col("lo") < F.col("end")) & (F.col("first") < F.col("hi"))
    return known.join(F.broadcast(days), overlap).select(
        "local_day", "meter_id", both.alias("expected")
    )


def _sent_by_day(sent: DataFrame, known: DataFrame, grid: _Grid) -> DataFrame:
    """Return `local_day`, `meter_id` and what was sent in known and in other slots."""
    on_grid = (F.unix_micros("ts") - grid.period.start_us) % grid.step_us == 0
    slots = sent.groupBy("meter_id", grid.slot("ts").alias("slot")).agg(
        F.count("*").alias("n"), F.count_if(~on_grid).alias("off_grid")
    )
    spans = known.withColumnRenamed("meter_id", "known_id")
    due = (
        (F.col("meter_id") == F.col("known_id"))
        & (F.col("slot") >= F.col("lo"))
        & (F.col("slot") < F.col("hi"))
    )
    is_known = F.col("known_id").isNotNull()
    return slots.join(spans, due, "left").select(
        grid.local_day("slot").alias("local_day"),
        "meter_id",
        F.when(is_known, 1).otherwise(0).alias("present"),
        "off_grid",
        F.when(is_known, F.col("n") - 1).otherwise(0).alias("doubled"),
        F.when(is_known, 0).otherwise(F.col("n")).alias("unexpected"),
    )
