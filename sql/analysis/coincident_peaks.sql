-- When was the load of each feeder highest, and how high?
--
-- Result columns, one row per group with readings, ordered by `group_name`:
--
-- - `group_name`: the feeder or the segment; `system` for all meters.
-- - `ts`: start of the interval of the highest load, UTC; the earliest of equals.
-- - `peak_kw`: sum over the meters of scaled kWh in it / hours of the interval; below 0 where
--   the group fed back all the time.
-- - `meters`: how many meters had a reading in it.

SELECT group_name, ts, kwh / 0.25 AS peak_kw, meters FROM (
SELECT group_name, ts, kwh, meters, row_number() OVER (PARTITION BY group_name ORDER BY kwh DESC, ts) AS place FROM (
SELECT group_name, ts, CASE WHEN abs(kwh) < 1e9 THEN round(kwh, 6) + 0.0 ELSE kwh END AS kwh, meters FROM (
SELECT timestamp_floor('15m', mu.ts) AS ts, f.feeder_id AS group_name, sum(mu.kwh * coalesce(msm.scale_factor, 1.0)) AS kwh, count_distinct(mu.meter_id) AS meters
FROM meter_usage mu
JOIN (SELECT meter_id, feeder_id, valid_to, valid_from, lead(valid_from) OVER (PARTITION BY meter_id ORDER BY valid_from) AS next_from FROM meter_feeder_map) f ON f.meter_id = mu.meter_id AND mu.ts >= f.valid_from AND (f.next_from IS NULL OR mu.ts < f.next_from) AND (f.valid_to IS NULL OR mu.ts < f.valid_to)
LEFT JOIN (SELECT meter_id, scale_factor, valid_to, valid_from, lead(valid_from) OVER (PARTITION BY meter_id ORDER BY valid_from) AS next_from FROM meter_scale_map) msm ON msm.meter_id = mu.meter_id AND mu.ts >= msm.valid_from AND (msm.next_from IS NULL OR mu.ts < msm.next_from) AND (msm.valid_to IS NULL OR mu.ts < msm.valid_to)
WHERE mu.ts >= '2024-06-03T00:00:00.000000Z' AND mu.ts < '2024-06-10T00:00:00.000000Z' AND mu.kwh IS NOT NULL
)
)
) WHERE place = 1
ORDER BY group_name;
