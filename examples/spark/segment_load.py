"""How much energy did each customer segment take, hour by hour?"""

from examples.spark.archive import (
    MICROSECONDS_PER_HOUR,
    Period,
    as_of,
    mean_kw,
    reference,
    scaled_readings,
)
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the usual name


def segment_load(spark: SparkSession, archive: str, period: Period) -> DataFrame:
    """Return the load of each segment.

    Columns, one row per hour and segment with readings, ordered by `ts`, `segment`:

    - `ts`: start of the hour, UTC; also where the period starts inside of it.
    - `segment`: of the customer at the time of the reading. A reading of a meter or customer that
      was not known then, or has no segment, is in none.
    - `kwh`: scaled energy.
    - `mean_kw`: `kwh` / hours of that part of the hour that lies in the period.

    Missing readings are not made up for: they lower both figures.
    """
    rows = scaled_readings(spark, archive, period)
    rows = as_of(rows, reference(spark, archive, "meters"), "meter_id", "customer_id")
    rows = as_of(rows, reference(spark, archive, "customers"), "customer_id", "segment")
    return (
        rows.where(F.col("segment").isNotNull())
        .groupBy(F.date_trunc("hour", "ts").alias("ts"), "segment")
        .agg(F.sum("kwh").alias("kwh"))
        .withColumn("mean_kw", mean_kw(period, MICROSECONDS_PER_HOUR))
        .orderBy("ts", "segment")
    )
