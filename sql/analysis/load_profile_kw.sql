-- What power did one meter draw, interval by interval?
--
-- Result columns, one row per stored reading, ordered by `ts`, gaps left as gaps:
--
-- - `ts`: start of the interval, UTC.
-- - `kwh`: energy of the interval, times the scale factor of its time; below 0 where that is.
-- - `mean_kw`: `kwh` / hours of an interval.

SELECT ts, kwh, kwh / 0.25 AS mean_kw FROM (
SELECT mu.ts AS ts, mu.kwh * coalesce(msm.scale_factor, 1.0) AS kwh
FROM meter_usage mu
LEFT JOIN (SELECT meter_id, scale_factor, valid_to, valid_from, lead(valid_from) OVER (PARTITION BY meter_id ORDER BY valid_from) AS next_from FROM meter_scale_map WHERE meter_id = 'M-F1-001') msm ON msm.meter_id = mu.meter_id AND mu.ts >= msm.valid_from AND (msm.next_from IS NULL OR mu.ts < msm.next_from) AND (msm.valid_to IS NULL OR mu.ts < msm.valid_to)
WHERE mu.meter_id = 'M-F1-001' AND mu.ts >= '2024-06-03T00:00:00.000000Z' AND mu.ts < '2024-06-10T00:00:00.000000Z'
ORDER BY ts
);
