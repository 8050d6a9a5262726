-- What is the load of all meters, or of each feeder, segment, tariff or meter, over time?
--
-- Columns, one row per bucket and group with readings, ordered by ts, group_name:
--   ts          start of the bucket, UTC; also where the period starts inside it
--   group_name  by $group; "system" for all meters
--   kwh         sum of kWh * scale factor of the readings that start in it
--   mean_kw     kwh / hours of that part of the bucket that lies in the period
-- Null rules: missing readings are not made up for and lower both. Readings of no group are left out.
--
-- Parameters:
--   $group = 'system'    system, feeder, segment, tariff or meter, as of the time of each reading
--   $every = '1 hour'    length of a bucket
--   $zone = 'UTC'        local time, for buckets of a day and more
-- Reads: meter_usage

SELECT bucket AS ts, group_name, sum(true_kwh) AS kwh,
  sum(true_kwh) / hours(least(bucket_end, $to) - greatest(bucket, $from)) AS mean_kw
FROM grouped_readings
JOIN buckets($from, $to, $zone, $every) ON minute = date_trunc('minute', ts)
WHERE group_name IS NOT NULL
GROUP BY bucket, bucket_end, group_name
ORDER BY ts, group_name
