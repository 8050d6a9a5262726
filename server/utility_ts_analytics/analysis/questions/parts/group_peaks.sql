-- In which interval was the load of each group highest?
--
-- Columns, one row per group with readings, no order:
--   group_name  by $group
--   ts          start of the interval, UTC; the earliest of equals
--   kwh         sum over the meters of kWh * scale factor in it
--
-- Parameters:
--   $group = 'system'        system, feeder, segment, tariff or meter, as of the time of each reading
--   $interval_minutes = 15   length of an interval, from midnight UTC on
-- Reads: meter_usage

SELECT group_name, interval_start AS ts, comparable(sum(true_kwh)) AS kwh
FROM grouped_readings
WHERE group_name IS NOT NULL AND kwh IS NOT NULL
GROUP BY group_name, interval_start
QUALIFY row_number() OVER (PARTITION BY group_name ORDER BY comparable(sum(true_kwh)) DESC, interval_start) = 1
