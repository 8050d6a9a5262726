-- How much energy did each customer segment take in the tariff's peak and off-peak hours?
--
-- Result columns, one row per key, season and period with readings, ordered by the key and then
-- as the calendar names the periods:
--
-- - `meter_id`, `segment` or `tariff_code`: the key; the latter two of the customer at the time
--   of the reading. Null for readings whose customer was not known or has none.
-- - `season`, `period`: of the calendar.
-- - `kwh`: sum of kWh * scale factor of the readings whose interval starts in the period.
-- - `readings`: how many those are.
--
-- Every reading of the range counts exactly once: the rows add up to all of its energy. Missing
-- readings are not made up for.

SELECT segment, CASE WHEN rate = 0 THEN 'all year' WHEN rate = 1 THEN 'all year' ELSE 'all year' END AS season, CASE WHEN rate = 0 THEN 'off-peak' WHEN rate = 1 THEN 'shoulder' ELSE 'peak' END AS period, kwh, readings
FROM (
SELECT c.segment AS segment, g.rate AS rate, sum(mu.kwh * coalesce(msm.scale_factor, 1.0)) AS kwh, count() AS readings
FROM meter_usage mu
ASOF JOIN (SELECT * FROM (SELECT DISTINCT ts, slot, CASE WHEN CASE WHEN day_of_week(local) = 7 THEN 2 WHEN day_of_week(local) = 6 THEN 1 ELSE 0 END = 0 THEN CASE WHEN hour(local) * 60 + minute(local) < 360 THEN 0 WHEN hour(local) * 60 + minute(local) < 1020 THEN 1 WHEN hour(local) * 60 + minute(local) < 1260 THEN 2 WHEN hour(local) * 60 + minute(local) < 1320 THEN 1 ELSE 0 END WHEN CASE WHEN day_of_week(local) = 7 THEN 2 WHEN day_of_week(local) = 6 THEN 1 ELSE 0 END = 1 THEN 1 WHEN CASE WHEN day_of_week(local) = 7 THEN 2 WHEN day_of_week(local) = 6 THEN 1 ELSE 0 END = 2 THEN 0 ELSE 0 END AS rate FROM (SELECT ts, slot, to_timezone(ts, 'Europe/Berlin') AS local FROM (SELECT x - 1 AS slot, '2024-06-03T00:00:00.000000Z'::timestamp + (x - 1) * 900000000 AS ts FROM long_sequence(672))) ORDER BY ts) TIMESTAMP(ts)) g
LEFT JOIN (SELECT meter_id, customer_id, valid_from, lead(valid_from) OVER (PARTITION BY meter_id ORDER BY valid_from) AS next_from FROM meters) m ON m.meter_id = mu.meter_id AND mu.ts >= m.valid_from AND (m.next_from IS NULL OR mu.ts < m.next_from)
LEFT JOIN (SELECT customer_id, segment, tariff_code, valid_from, lead(valid_from) OVER (PARTITION BY customer_id ORDER BY valid_from) AS next_from FROM customers) c ON c.customer_id = m.customer_id AND mu.ts >= c.valid_from AND (c.next_from IS NULL OR mu.ts < c.next_from)
LEFT JOIN (SELECT meter_id, scale_factor, valid_to, valid_from, lead(valid_from) OVER (PARTITION BY meter_id ORDER BY valid_from) AS next_from FROM meter_scale_map) msm ON msm.meter_id = mu.meter_id AND mu.ts >= msm.valid_from AND (msm.next_from IS NULL OR mu.ts < msm.next_from) AND (msm.valid_to IS NULL OR mu.ts < msm.valid_to)
WHERE mu.ts >= '2024-06-03T00:00:00.000000Z' AND mu.ts < '2024-06-10T00:00:00.000000Z'
)
ORDER BY segment, rate;
