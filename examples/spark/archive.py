"""The archive as Spark DataFrames: readings of a period, reference rows as of a reading.

Layout: `<archive>/<table>/day=YYYY-MM-DD/*.parquet` for readings (`day` is the UTC day of `ts`),
`<archive>/<table>/*.parquet` for the small reference tables. docs/ARCHIVE.md has the columns.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from pyspark.errors import AnalysisException
from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F  # noqa: N812 - the usual name

MICROSECONDS_PER_HOUR = 3_600_000_000

_EMPTY = {
    "meter_usage": "ts TIMESTAMP, meter_id STRING, kwh DOUBLE",
    "meters": "valid_from TIMESTAMP, meter_id STRING, customer_id STRING, status STRING",
    "customers": "valid_from TIMESTAMP, customer_id STRING, segment STRING",
    "meter_feeder_map": "valid_from TIMESTAMP, meter_id STRING, feeder_id STRING,"
    " valid_to TIMESTAMP",
    "meter_scale_map": "valid_from TIMESTAMP, meter_id STRING, scale_factor DOUBLE,"
    " valid_to TIMESTAMP",
}
"""Columns that the questions use, for a table that has no file because it has no rows."""


@dataclass(frozen=True, slots=True)
class Period:
    """A half-open range of time: readings whose interval starts in it.

    Attributes:
        start: Aware.
        end: Aware, after `start`; not included.
        zone: IANA name of the local time.
    """

    start: datetime
    end: datetime
    zone: str = "UTC"

    @classmethod
    def of(cls, start: str, end: str, zone: str = "UTC") -> "Period":
        """Read a period as people type it.

        Args:
            start: A day (`2024-06-03`), which is its midnight in `zone`, or a time with its offset.
            end: The same; not included.
            zone: IANA name.

        Raises:
            ValueError: There is no such zone or time, a time has no offset, or the end is not
                after the start.
        """
        try:
            local = ZoneInfo(zone)
        except (KeyError, OSError) as error:
            raise ValueError(f"cannot use the zone {zone!r}: give one as Europe/Berlin") from error
        first, last = _moment(start, local), _moment(end, local)
        if first >= last:
            raise ValueError(f"cannot use the period from {start} to {end}: it is empty")
        return cls(first, last, zone)

    @property
    def start_us(self) -> int:
        """Start, microseconds since 1970 (UTC)."""
        return microseconds(self.start)

    @property
    def end_us(self) -> int:
        """End, microseconds since 1970 (UTC)."""
        return microseconds(self.end)


def microseconds(moment: datetime) -> int:
    """Return an aware time as microseconds since 1970 (UTC)."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def session(name: str) -> SparkSession:
    """Return the Spark session, which counts and writes times in UTC.

    The master comes from outside (`SPARK_CONF_DIR`, `spark-submit --master`, a Databricks
    cluster); without one, Spark uses all cores of this machine. In a zone such as Asia/Kolkata,
    `date_trunc('hour', ts)` would cut at half past.
    """
    spark: SparkSession = SparkSession.builder.appName(name).getOrCreate()
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    spark.conf.set("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
    return spark


def reference(spark: SparkSession, archive: str, table: str) -> DataFrame:
    """Return all rows of a small table; none where it has no file.

    Args:
        spark: From `session`.
        archive: Folder or URL of the archive.
        table: Such as `meters`.
    """
    try:
        return spark.read.parquet(f"{archive.rstrip('/')}/{table}")
    except AnalysisException as error:
        if table not in _EMPTY or error.getCondition() != "PATH_NOT_FOUND":
            raise
        return spark.createDataFrame([], _EMPTY[table])


def readings(spark: SparkSession, archive: str, period: Period) -> DataFrame:
    """Return `ts`, `meter_id` and `kwh` of the readings of a period.

    The condition on `day` keeps Spark from opening files of other days.
    """
    rows = reference(spark, archive, "meter_usage")
    covered = (F.col("ts") >= _instant(period.start_us)) & (F.col("ts") < _instant(period.end_us))
    if "day" in rows.columns:
        last = period.end - timedelta(microseconds=1)
        days = [F.lit(moment.astimezone(UTC).date()) for moment in (period.start, last)]
        covered &= F.col("day").between(*days)
    return rows.where(covered).select("ts", "meter_id", "kwh")


def versions(rows: DataFrame, key: str) -> DataFrame:
    """Add to each reference row `until`: when it ceases to hold, exclusive; null: never.

    A row holds from its `valid_from` to the `valid_from` of the next row of its key, or to its own
    `valid_to` if that comes first. So versions of a key never overlap, and rows that several shards
    have alike last no time but for one of them.
    """
    next_from = F.lead("valid_from").over(Window.partitionBy(key).orderBy("valid_from"))
    ends = [next_from, F.col("valid_to")] if "valid_to" in rows.columns else [next_from]
    # `least` passes over nulls.
    return rows.withColumn("until", F.least(*ends) if len(ends) > 1 else next_from)


def as_of(
    rows: DataFrame,
    facts: DataFrame,
    key: str,
    column: str,
    how: Literal["inner", "left"] = "inner",
) -> DataFrame:
    """Give each reading `column` of the reference row that holds at its `ts`.

    Args:
        rows: Have `ts` and `key`.
        facts: A reference table, as it is stored.
        key: Such as `meter_id`.
        column: Of `facts`.
        how: What becomes of readings for which no row holds: left out, or kept with null.
    """
    held = versions(facts, key).select(F.col(key).alias("held_key"), "valid_from", "until", column)
    holds = (
        (F.col(key) == F.col("held_key"))
        & (F.col("ts") >= F.col("valid_from"))
        & (F.col("until").isNull() | (F.col("ts") < F.col("until")))
    )
    # Reference tables are small: each executor gets all of them, and no reading moves.
    return rows.join(F.broadcast(held), holds, how).drop("held_key", "valid_from", "until")


def scaled_readings(spark: SparkSession, archive: str, period: Period) -> DataFrame:
    """Return the readings of a period with their true energy, kWh.

    That is `kwh` times the factor of `meter_scale_map` at `ts`; no factor counts as 1.
    """
    rows = readings(spark, archive, period)
    factors = reference(spark, archive, "meter_scale_map")
    scaled = as_of(rows, factors, "meter_id", "scale_factor", "left")
    factor = F.coalesce(F.col("scale_factor"), F.lit(1.0))
    return scaled.withColumn("kwh", F.col("kwh") * factor).drop("scale_factor")


def mean_kw(period: Period, bucket_us: int) -> Column:
    """Return `kwh` / hours of that part of the bucket from `ts` on that lies in the period."""
    starts = F.unix_micros("ts")
    begin = F.greatest(starts, F.lit(period.start_us))
    end = F.least(starts + bucket_us, F.lit(period.end_us))
    return F.col("kwh") * MICROSECONDS_PER_HOUR / (end - begin)


def _instant(us: int) -> Column:
    return F.timestamp_micros(F.lit(us))


def _moment(text: str, zone: ZoneInfo) -> datetime:
    if len(text) == len("2024-06-03"):
        return datetime.combine(date.fromisoformat(text), time(), zone).astimezone(UTC)
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"cannot use {text!r}: give a day, or a time with its offset")
    return moment.astimezone(UTC)
