-- When was the load of each group highest, and how high?
--
-- Columns, one row per group with readings, ordered by group_name:
--   group_name  by $group; "system" for all meters
--   ts          start of the interval of the highest load, UTC; the earliest of equals
--   peak_kw     sum over the meters of kWh * scale factor in it / hours of the interval: mean power, not
--               a spike within it; below 0 where the group fed back all the time
--   meters      how many meters had a reading in it
-- Shorter readings are added up in the interval that they start in; a longer one would count whole in
-- its first, so $interval_minutes is the longest in use. A meter without a reading counts as nothing.
--
-- Parameters:
--   $group = 'system'        system, feeder, segment, tariff or meter, as of the time of each reading
--   $interval_minutes = 15   length of an interval, from midnight UTC on
-- Reads: meter_usage
-- Uses: group_peaks

SELECT p.group_name, p.ts, p.kwh / ($interval_minutes / 60.0) AS peak_kw,
  count(DISTINCT r.meter_id) AS meters
FROM group_peaks p
JOIN grouped_readings r ON r.group_name = p.group_name AND r.interval_start = p.ts AND r.kwh IS NOT NULL
GROUP BY p.group_name, p.ts, p.kwh
ORDER BY p.group_name
