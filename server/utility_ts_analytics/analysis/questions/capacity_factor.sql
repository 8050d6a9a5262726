-- How much of its capacity did each plant make use of?
--
-- Columns, one row per plant that has readings or a capacity in the period, ordered by plant_id; shares
-- from 0 to 1, above 1 where a plant gave more than it is rated for:
--   plant_id
--   mwh              energy, of all readings; null: no reading
--   capacity_mwh     capacity * hours that it held in the period; null: not known. Hours before the first
--                    version do not count
--   capacity_factor  energy while a capacity was known / capacity_mwh: missing readings lower it. Null
--                    without readings, or where the capacity is 0 or not known
--   hours_with_data  hours of the intervals with a reading of the plant or of any of its units
--   coverage_pct     100 * hours_with_data / hours of the period
--   capacity_factor_with_data  energy while a capacity was known / (capacity * hours) of those intervals:
--                    what the plant did while it was seen
--
-- Parameters:
--   $interval_minutes = 15   length of an interval, the longest in use
-- Reads: generation_output
-- Uses: plant_intervals

WITH
powers AS (SELECT ts, plant_id, sum(mw) AS mw FROM plant_intervals GROUP BY ALL),
generated AS (
  SELECT p.plant_id, sum(mw) AS mw, sum(mw) FILTER (capacity_mw IS NOT NULL) AS rated_mw,
    sum(capacity_mw) AS seen_mw, count(*) * $interval_minutes / 60.0 AS hours_with_data
  FROM powers p
  LEFT JOIN plant_spans s ON s.plant_id = p.plant_id AND p.ts >= s.since AND p.ts < s.until
  GROUP BY p.plant_id
),
rated AS (
  SELECT plant_id, sum(capacity_mw * hours(least(until, $to) - greatest(since, $from))) AS capacity_mwh
  FROM plant_spans
  WHERE capacity_mw IS NOT NULL AND since < $to AND until > $from
  GROUP BY plant_id
)
SELECT plant_id, mw * $interval_minutes / 60.0 AS mwh, capacity_mwh,
  share(rated_mw * $interval_minutes / 60.0, capacity_mwh) AS capacity_factor,
  coalesce(hours_with_data, 0.0) AS hours_with_data,
  100.0 * coalesce(hours_with_data, 0.0) / hours($to - $from) AS coverage_pct,
  share(rated_mw, seen_mw) AS capacity_factor_with_data
FROM generated FULL JOIN rated USING (plant_id)
ORDER BY plant_id
