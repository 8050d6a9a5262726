-- Which share of the readings of each meter or feeder was estimated, day by day?
--
-- Columns, one row per local day and group with readings, ordered by both:
--   local_day       date in $zone of the intervals' starts
--   group_name      by $group; null for readings that belong to none
--   readings        how many there are
--   estimated       those whose flag counts as estimated
--   not_stated      those without a flag, which say nothing either way
--   estimated_pct, not_stated_pct          100 * the count / readings
--   energy_kwh      sum of |kWh * scale factor|: with the sign, feed-in would hide what was drawn
--   estimated_kwh, not_stated_kwh          the same sum over those readings
--   estimated_kwh_pct, not_stated_kwh_pct  100 * that / energy_kwh; null where that is 0
-- Null rules: missing readings are in no figure; see completeness.
--
-- Parameters:
--   $group = 'meter'         system, feeder, segment, tariff or meter, as of the time of each reading
--   $zone = 'UTC'            local time of the days
--   $estimated_flags = ['ESTIMATED', 'ESTIMATE', 'EST', 'E', 'SUBSTITUTED', 'SUBSTITUTE', 'SUB', 'S']
--                            what counts as estimated, in any case; E and S are also NEM12's letters
-- Reads: meter_usage

SELECT local_day, group_name, count(*) AS readings,
  count(*) FILTER (estimated) AS estimated,
  count(*) FILTER (quality_flag IS NULL) AS not_stated,
  100.0 * count(*) FILTER (estimated) / count(*) AS estimated_pct,
  100.0 * count(*) FILTER (quality_flag IS NULL) / count(*) AS not_stated_pct,
  sum(abs(true_kwh)) AS energy_kwh,
  coalesce(sum(abs(true_kwh)) FILTER (estimated), 0.0) AS estimated_kwh,
  coalesce(sum(abs(true_kwh)) FILTER (quality_flag IS NULL), 0.0) AS not_stated_kwh,
  percent(estimated_kwh, energy_kwh) AS estimated_kwh_pct,
  percent(not_stated_kwh, energy_kwh) AS not_stated_kwh_pct
FROM grouped_readings
JOIN calendar($from, $to, $zone) ON minute = date_trunc('minute', ts)
GROUP BY local_day, group_name
ORDER BY local_day, group_name
