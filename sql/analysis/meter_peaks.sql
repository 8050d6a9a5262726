-- When was the load of each meter highest, and how high?
--
-- Result columns, one row per group and meter with readings, ordered by `group_name`,
-- `meter_id`; a meter that changed its group has a row, and a peak, in each:
--
-- - `group_name`, `meter_id`: the feeder or the segment (`system` for all), and the meter.
-- - `ts`: start of the interval of its highest load, UTC; the earliest of equals.
-- - `peak_kw`: its scaled kWh in it / hours of the interval; 0 or below for a register of exports.
--
-- Arguments and errors are those of `coincident_peaks_sql`.

SELECT group_name, meter_id, min(ts) AS ts, max(kwh) / 0.25 AS peak_kw FROM (
SELECT group_name, meter_id, ts, kwh, max(kwh) OVER (PARTITION BY group_name, meter_id) AS highest FROM (
SELECT group_name, meter_id, ts, CASE WHEN abs(kwh) < 1e9 THEN round(kwh, 6) + 0.0 ELSE kwh END AS kwh FROM (
SELECT timestamp_floor('15m', mu.ts) AS ts, 'system' AS group_name, mu.meter_id AS meter_id, sum(mu.kwh * coalesce(msm.scale_factor, 1.0)) AS kwh
FROM meter_usage mu
LEFT JOIN (SELECT meter_id, scale_factor, valid_to, valid_from, lead(valid_from) OVER (PARTITION BY meter_id ORDER BY valid_from) AS next_from FROM meter_scale_map) msm ON msm.meter_id = mu.meter_id AND mu.ts >= msm.valid_from AND (msm.next_from IS NULL OR mu.ts < msm.next_from) AND (msm.valid_to IS NULL OR mu.ts < msm.valid_to)
WHERE mu.ts >= '2024-06-03T00:00:00.000000Z' AND mu.ts < '2024-06-10T00:00:00.000000Z' AND mu.kwh IS NOT NULL
)
)
) WHERE kwh = highest
ORDER BY group_name, meter_id;
