-- How far do the highest loads of the meters of a group fall together?
--
-- Columns, one row per group with readings, ordered by group_name:
--   group_name, ts, coincident_kw  the group's peak, as coincident_peaks has it
--   noncoincident_kw    sum of the meters' own peaks; one below 0 (exports only) counts as 0
--   meters              how many meters that is
--   coincidence_factor  coincident_kw / noncoincident_kw, at most 1; null where the latter is 0
--   diversity_factor    noncoincident_kw / coincident_kw; null where the peak is not above 0
--
-- Parameters:
--   $group = 'system'        system, feeder, segment or tariff, as of the time of each reading
--   $interval_minutes = 15   the longest in use
-- Reads: meter_usage
-- Uses: group_peaks, meter_peaks

SELECT p.group_name, p.ts, p.kwh / ($interval_minutes / 60.0) AS coincident_kw,
  sum(greatest(m.peak_kw, 0.0)) AS noncoincident_kw, count(*) AS meters,
  share(coincident_kw, noncoincident_kw) AS coincidence_factor,
  share(noncoincident_kw, coincident_kw) AS diversity_factor
FROM group_peaks p
JOIN meter_peaks m ON m.group_name = p.group_name
GROUP BY p.group_name, p.ts, p.kwh
ORDER BY p.group_name
