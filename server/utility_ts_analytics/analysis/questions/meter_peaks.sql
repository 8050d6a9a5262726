-- When was the load of each meter highest, and how high?
--
-- Columns, one row per group and meter with readings, ordered by both; a meter that changed its group has
-- a row, and a peak, in each:
--   group_name, meter_id
--   ts          start of the interval of its highest load, UTC; the earliest of equals
--   peak_kw     its kWh * scale factor in it / hours of the interval; 0 or below for exports
--
-- Parameters:
--   $group = 'system'        system, feeder, segment or tariff, as of the time of each reading
--   $interval_minutes = 15   the longest in use
-- Reads: meter_usage

WITH
-- Meters with readings shorter than the interval: theirs are added up first. Usually none, which the
-- planner cannot know: a bare IN would become a join that keeps all readings in memory.
finer AS (
  SELECT DISTINCT meter_id
  FROM meter_usage
  WHERE ts >= $from AND ts < $to AND ts <> time_bucket(minutes($interval_minutes), ts)
),
loads AS (
  SELECT group_name, meter_id, interval_start AS ts, comparable(true_kwh) AS kwh
  FROM grouped_readings
  WHERE kwh IS NOT NULL AND group_name IS NOT NULL AND meter_id NOT IN (FROM finer)
  UNION ALL
  SELECT group_name, meter_id, interval_start, comparable(sum(true_kwh))
  FROM grouped_readings
  WHERE kwh IS NOT NULL AND group_name IS NOT NULL AND coalesce(meter_id IN (FROM finer), false)
  GROUP BY ALL
)
SELECT group_name, meter_id, max_by(ts, highest_then_earliest(kwh, ts)) AS ts,
  max(kwh) / ($interval_minutes / 60.0) AS peak_kw
FROM loads
GROUP BY group_name, meter_id
ORDER BY group_name, meter_id
