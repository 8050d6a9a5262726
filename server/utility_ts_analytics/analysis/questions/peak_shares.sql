-- What did each meter draw at the moment of its group's highest load?
--
-- Columns, one row per meter with a reading in that interval, ordered by group_name, kw (largest first),
-- meter_id:
--   group_name, ts  of the peak, as coincident_peaks has them
--   meter_id
--   kw              its kWh * scale factor in that interval / hours of it; below 0 for exports
--   share_pct       100 * kw / peak of the group; null where that is 0
--
-- Parameters:
--   $group = 'system'        system, feeder, segment, tariff or meter, as of the time of each reading
--   $interval_minutes = 15   the longest in use
-- Reads: meter_usage
-- Uses: coincident_peaks

SELECT p.group_name, p.ts, r.meter_id, sum(r.true_kwh) / ($interval_minutes / 60.0) + 0.0 AS kw,
  CASE WHEN p.peak_kw <> 0.0 THEN 100.0 * kw / p.peak_kw END AS share_pct
FROM coincident_peaks p
JOIN grouped_readings r ON r.group_name = p.group_name AND r.interval_start = p.ts AND r.kwh IS NOT NULL
GROUP BY p.group_name, p.ts, p.peak_kw, r.meter_id
ORDER BY p.group_name, kw DESC, r.meter_id
