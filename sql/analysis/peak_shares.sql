-- What did each meter draw at the moment of the system's highest load?
--
-- Result columns, one row per meter with a reading in that interval, ordered by `group_name` and
-- `kw`, the largest first, then `meter_id`:
--
-- - `group_name`, `ts`: of the peak, as `coincident_peaks_sql` has them.
-- - `meter_id`: the meter.
-- - `kw`: its scaled kWh in that interval / hours of the interval; below 0 for exports.
-- - `share_pct`: `kw` / peak of the group * 100; null where that peak is 0.
--
-- Arguments and errors are those of `coincident_peaks_sql`.

SELECT group_name, ts, meter_id, kw, CASE WHEN peak_kw != 0.0 THEN kw / peak_kw * 100.0 END AS share_pct
FROM (
SELECT p.group_name AS group_name, p.ts AS ts, r.meter_id AS meter_id, p.peak_kw AS peak_kw, sum(r.kwh) / 0.25 + 0.0 AS kw
FROM (
SELECT timestamp_floor('15m', mu.ts) AS ts, 'system' AS group_name, mu.meter_id AS meter_id, mu.kwh * coalesce(msm.scale_factor, 1.0) AS kwh
FROM meter_usage mu
LEFT JOIN (SELECT meter_id, scale_factor, valid_to, valid_from, lead(valid_from) OVER (PARTITION BY meter_id ORDER BY valid_from) AS next_from FROM meter_scale_map) msm ON msm.meter_id = mu.meter_id AND mu.ts >= msm.valid_from AND (msm.next_from IS NULL OR mu.ts < msm.next_from) AND (msm.valid_to IS NULL OR mu.ts < msm.valid_to)
WHERE mu.ts >= '2024-06-03T00:00:00.000000Z' AND mu.ts < '2024-06-10T00:00:00.000000Z' AND mu.kwh IS NOT NULL
) r
JOIN (
SELECT group_name, ts, kwh / 0.25 AS peak_kw, meters FROM (
SELECT group_name, ts, kwh, meters, row_number() OVER (PARTITION BY group_name ORDER BY kwh DESC, ts) AS place FROM (
SELECT group_name, ts, CASE WHEN abs(kwh) < 1e9 THEN round(kwh, 6) + 0.0 ELSE kwh END AS kwh, meters FROM (
SELECT timestamp_floor('15m', mu.ts) AS ts, 'system' AS group_name, sum(mu.kwh * coalesce(msm.scale_factor, 1.0)) AS kwh, count_distinct(mu.meter_id) AS meters
FROM meter_usage mu
LEFT JOIN (SELECT meter_id, scale_factor, valid_to, valid_from, lead(valid_from) OVER (PARTITION BY meter_id ORDER BY valid_from) AS next_from FROM meter_scale_map) msm ON msm.meter_id = mu.meter_id AND mu.ts >= msm.valid_from AND (msm.next_from IS NULL OR mu.ts < msm.next_from) AND (msm.valid_to IS NULL OR mu.ts < msm.valid_to)
WHERE mu.ts >= '2024-06-03T00:00:00.000000Z' AND mu.ts < '2024-06-10T00:00:00.000000Z' AND mu.kwh IS NOT NULL
)
)
) WHERE place = 1
) p ON p.group_name = r.group_name AND p.ts = r.ts
)
ORDER BY group_name, kw DESC, meter_id;
