"""How much energy did the meters of each feeder take, quarter of an hour by quarter?"""

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

QUARTER_US = MICROSECONDS_PER_HOUR // 4


def feeder_demand(spark: SparkSession, archive: str, period: Period) -> DataFrame:
    """Return the demand of each feeder.

    Columns, one row per quarter of an hour and feeder with readings, ordered by `ts`, `feeder_id`:

    - `ts`: start of the quarter, UTC.
    - `feeder_id`: of the meter at the time of the reading. A reading of a meter that was on none is
      left out.
    - `kwh`: scaled energy; below 0 where the meters feed in more than they draw.
    - `mean_kw`: `kwh` / hours of that part of the quarter that lies in the period.
    - `meters`: how many sent something. Missing readings are not made up for.
    """
    rows = scaled_readings(spark, archive, period)
    rows = as_of(rows, reference(spark, archive, "meter_feeder_map"), "meter_id", "feeder_id")
    us = F.unix_micros("ts")
    quarter = F.timestamp_micros(us - us % QUARTER_US)
    return (
        rows.groupBy(quarter.alias("ts"), "feeder_id")
        .agg(F.sum("kwh").alias("kwh"), F.countDistinct("meter_id").alias("meters"))
        .select("ts", "feeder_id", "kwh", mean_kw(period, QUARTER_US).alias("mean_kw"), "meters")
        .orderBy("ts", "feeder_id")
    )
