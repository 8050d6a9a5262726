-- What is the load of all meters together, hour by hour?
--
-- Result columns, one row per bucket with readings, ordered by `ts`:
--
-- - `ts`: start of the bucket, UTC; also where the range starts inside the bucket.
-- - `kwh`: scaled energy of all readings that start in it, also of meters without a customer.
-- - `mean_kw`: `kwh` / hours of that part of the bucket that lies in the range.
--
-- Missing readings are not made up for: they lower both figures.

SELECT ts, kwh, kwh * 3600000000.0 / datediff('u', greatest(ts, '2024-06-03T00:00:00.000000Z'::timestamp), least(dateadd('h', 1, ts), '2024-06-10T00:00:00.000000Z'::timestamp)) AS mean_kw
FROM (
SELECT mu.ts AS ts, sum(mu.kwh * coalesce(msm.scale_factor, 1.0)) AS kwh
FROM meter_usage mu
LEFT JOIN (SELECT meter_id, scale_factor, valid_to, valid_from, lead(valid_from) OVER (PARTITION BY meter_id ORDER BY valid_from) AS next_from FROM meter_scale_map) msm ON msm.meter_id = mu.meter_id AND mu.ts >= msm.valid_from AND (msm.next_from IS NULL OR mu.ts < msm.next_from) AND (msm.valid_to IS NULL OR mu.ts < msm.valid_to)
WHERE mu.ts >= '2024-06-03T00:00:00.000000Z' AND mu.ts < '2024-06-10T00:00:00.000000Z'
SAMPLE BY 1h ALIGN TO CALENDAR
)
ORDER BY ts;
