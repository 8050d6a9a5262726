-- How much energy came from each fuel, and at what mean power?
--
-- Columns, one row per bucket and fuel with readings, ordered by ts, fuel_type:
--   ts         start of the bucket, UTC; also where the period starts inside it
--   fuel_type  of the reading (the last that names one, where several are averaged), else of the plant at
--              that time, else null
--   mwh        sum over units and intervals of MW * hours of the interval; charging storage counts below 0
--   mean_mw    mwh / hours of that part of the bucket that lies in the period
-- Shorter readings of a unit are averaged in their interval; a longer one would count for its first part
-- only, so $interval_minutes is the longest in use. A row of the plant as a whole (no unit_id) counts
-- instead of those of its units. An interval without readings counts as nothing generated.
--
-- Parameters:
--   $every = '1 day'         length of a bucket
--   $zone = 'UTC'            local time, for buckets of a day and more
--   $interval_minutes = 15   length of an interval
-- Reads: generation_output
-- Uses: plant_intervals

SELECT bucket AS ts, coalesce(g.fuel_type, s.fuel_type) AS fuel_type,
  sum(mw) * $interval_minutes / 60.0 AS mwh,
  mwh / hours(least(bucket_end, $to) - greatest(bucket, $from)) AS mean_mw
FROM plant_intervals g
JOIN buckets($from, $to, $zone, $every) ON minute = date_trunc('minute', greatest(g.ts, $from))
LEFT JOIN plant_spans s ON s.plant_id = g.plant_id AND g.ts >= s.since AND g.ts < s.until
GROUP BY bucket, bucket_end, coalesce(g.fuel_type, s.fuel_type)
ORDER BY ts, 2
