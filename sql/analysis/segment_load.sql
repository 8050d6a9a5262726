-- How much energy did each customer segment take, hour by hour?
--
-- Result columns, one row per bucket and segment with readings, ordered by `ts`, `segment`:
--
-- - `ts`: start of the bucket, UTC; also where the range starts inside the bucket.
-- - `segment`: of the customer at the time of the reading.
-- - `kwh`: scaled energy of all readings of the segment in the bucket.
-- - `mean_kw`: `kwh` / hours of that part of the bucket that lies in the range.
--
-- Missing readings are not made up for: they lower both figures.

SELECT ts, segment, kwh, kwh * 3600000000.0 / datediff('u', greatest(ts, '2024-06-03T00:00:00.000000Z'::timestamp), least(dateadd('h', 1, ts), '2024-06-10T00:00:00.000000Z'::timestamp)) AS mean_kw
FROM (
SELECT mu.ts AS ts, c.segment AS segment, sum(mu.kwh * coalesce(msm.scale_factor, 1.0)) AS kwh
FROM meter_usage mu
JOIN (SELECT meter_id, customer_id, valid_from, lead(valid_from) OVER (PARTITION BY meter_id ORDER BY valid_from) AS next_from FROM meters) m ON m.meter_id = mu.meter_id AND mu.ts >= m.valid_from AND (m.next_from IS NULL OR mu.ts < m.next_from)
JOIN (SELECT customer_id, segment, valid_from, lead(valid_from) OVER (PARTITION BY customer_id ORDER BY valid_from) AS next_from FROM customers) c ON c.customer_id = m.customer_id AND mu.ts >= c.valid_from AND (c.next_from IS NULL OR mu.ts < c.next_from)
LEFT JOIN (SELECT meter_id, scale_factor, valid_to, valid_from, lead(valid_from) OVER (PARTITION BY meter_id ORDER BY valid_from) AS next_from FROM meter_scale_map) msm ON msm.meter_id = mu.meter_id AND mu.ts >= msm.valid_from AND (msm.next_from IS NULL OR mu.ts < msm.next_from) AND (msm.valid_to IS NULL OR mu.ts < msm.valid_to)
WHERE mu.ts >= '2024-06-03T00:00:00.000000Z' AND mu.ts < '2024-06-10T00:00:00.000000Z' AND c.segment IN ('commercial', 'residential')
SAMPLE BY 1h ALIGN TO CALENDAR
)
ORDER BY ts, segment;
