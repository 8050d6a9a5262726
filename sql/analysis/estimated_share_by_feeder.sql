-- Which share of each feeder's readings was estimated, day by day?
--
-- Result columns, one row per local day and meter or feeder with readings, ordered by both:
--
-- - `local_day`: date in the zone, as its midnight without a zone, of the intervals' starts.
-- - `meter_id` or `feeder_id`: the feeder of the meter at the time of the reading; null for
--   readings of meters that were on none.
-- - `readings`: how many there are.
-- - `estimated`: those whose flag counts as estimated.
-- - `not_stated`: those without a flag, which say nothing either way.
-- - `estimated_pct`, `not_stated_pct`: 100 * the count / `readings`.
-- - `energy_kwh`: sum of |kWh * scale factor|. Without the sign, or the feed-in of a feeder would
--   hide what was drawn from it.
-- - `estimated_kwh`, `not_stated_kwh`: the same sum over those readings.
-- - `estimated_kwh_pct`, `not_stated_kwh_pct`: 100 * that / `energy_kwh`; null where that is 0.
--
-- Missing readings are in no figure: see completeness.

SELECT local_day, feeder_id, readings, estimated, not_stated,
 100.0 * estimated / readings AS estimated_pct, 100.0 * not_stated / readings AS not_stated_pct,
 energy_kwh, estimated_kwh, not_stated_kwh,
 CASE WHEN energy_kwh > 0 THEN 100.0 * estimated_kwh / energy_kwh END AS estimated_kwh_pct,
 CASE WHEN energy_kwh > 0 THEN 100.0 * not_stated_kwh / energy_kwh END AS not_stated_kwh_pct
FROM (
SELECT g.local_day AS local_day, f.feeder_id AS feeder_id, count() AS readings, sum(CASE WHEN mu.quality_flag IN ('ESTIMATED', 'estimated', 'Estimated', 'ESTIMATE', 'estimate', 'Estimate', 'EST', 'est', 'Est', 'E', 'e', 'SUBSTITUTED', 'substituted', 'Substituted', 'SUBSTITUTE', 'substitute', 'Substitute', 'SUB', 'sub', 'Sub', 'S', 's') THEN 1L ELSE 0L END) AS estimated, sum(CASE WHEN mu.quality_flag IS NULL THEN 1L ELSE 0L END) AS not_stated, sum(abs(mu.kwh * coalesce(msm.scale_factor, 1.0))) AS energy_kwh, sum(CASE WHEN mu.quality_flag IN ('ESTIMATED', 'estimated', 'Estimated', 'ESTIMATE', 'estimate', 'Estimate', 'EST', 'est', 'Est', 'E', 'e', 'SUBSTITUTED', 'substituted', 'Substituted', 'SUBSTITUTE', 'substitute', 'Substitute', 'SUB', 'sub', 'Sub', 'S', 's') THEN abs(mu.kwh * coalesce(msm.scale_factor, 1.0)) ELSE 0.0 END) AS estimated_kwh, sum(CASE WHEN mu.quality_flag IS NULL THEN abs(mu.kwh * coalesce(msm.scale_factor, 1.0)) ELSE 0.0 END) AS not_stated_kwh
FROM meter_usage mu
ASOF JOIN (SELECT * FROM (SELECT DISTINCT ts, slot, timestamp_floor('d', local) AS local_day FROM (SELECT ts, slot, to_timezone(ts, 'Europe/Berlin') AS local FROM (SELECT x - 1 AS slot, '2024-06-03T00:00:00.000000Z'::timestamp + (x - 1) * 900000000 AS ts FROM long_sequence(672))) ORDER BY ts) TIMESTAMP(ts)) g
LEFT JOIN (SELECT meter_id, feeder_id, valid_to, valid_from, lead(valid_from) OVER (PARTITION BY meter_id ORDER BY valid_from) AS next_from FROM meter_feeder_map) f ON f.meter_id = mu.meter_id AND mu.ts >= f.valid_from AND (f.next_from IS NULL OR mu.ts < f.next_from) AND (f.valid_to IS NULL OR mu.ts < f.valid_to)
LEFT JOIN (SELECT meter_id, scale_factor, valid_to, valid_from, lead(valid_from) OVER (PARTITION BY meter_id ORDER BY valid_from) AS next_from FROM meter_scale_map) msm ON msm.meter_id = mu.meter_id AND mu.ts >= msm.valid_from AND (msm.next_from IS NULL OR mu.ts < msm.next_from) AND (msm.valid_to IS NULL OR mu.ts < msm.valid_to)
WHERE mu.ts >= '2024-06-03T00:00:00.000000Z' AND mu.ts < '2024-06-10T00:00:00.000000Z'
)
ORDER BY local_day, feeder_id;
