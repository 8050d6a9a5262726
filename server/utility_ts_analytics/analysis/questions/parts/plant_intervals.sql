-- What did each plant or unit generate in each interval, without counting anything twice?
--
-- Columns, one row per interval and unit that counts, no order:
--   ts         start of the interval, UTC
--   plant_id
--   unit_id    null: the plant as a whole, whose units do not count in that interval
--   fuel_type  that its last reading in the interval names; null: none does
--   mw         mean of its readings in the interval
--
-- Parameters:
--   $interval_minutes = 15   length of an interval, the longest in use
-- Reads: generation_output

SELECT time_bucket(minutes($interval_minutes), ts) AS ts, plant_id, unit_id,
  max_by(fuel_type, generation_output.ts) AS fuel_type, avg(mw) AS mw
FROM generation_output
WHERE generation_output.ts >= $from AND generation_output.ts < $to AND mw IS NOT NULL
GROUP BY time_bucket(minutes($interval_minutes), generation_output.ts), plant_id, unit_id
QUALIFY unit_id IS NULL OR count(*) FILTER (unit_id IS NULL) OVER (PARTITION BY plant_id, time_bucket(minutes($interval_minutes), generation_output.ts)) = 0
