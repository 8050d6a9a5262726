-- What does a typical weekday, Saturday and Sunday of each segment look like?
--
-- Result columns, one row per key, day type and slot of the local day with readings, ordered by
-- the key, day type (weekday, saturday, sunday, holiday) and time:
--
-- - `meter_id`, `segment` or `tariff_code`: the key, as in `time_of_use_sql`.
-- - `day_type`: of the calendar's holidays and the day of the week, by local date.
-- - `local_time`: start of the slot by the wall clock, `HH:MM`.
-- - `mean_kw`: `kwh` / (`occurrences` * hours of a slot): mean load of all of the key's meters
--   together.
-- - `occurrences`: how many slots of that name had at least one reading of the key. The repeated
--   hour of autumn is two slots, the missing one of spring none.
-- - `kwh`: sum of kWh * scale factor in them.
--
-- A slot without any reading does not count; one where some of the meters are missing does, and
-- lowers `mean_kw`. Groups by time and key first: by `meter` it needs room for each reading.

SELECT segment, CASE WHEN day_code = 0 THEN 'weekday' WHEN day_code = 1 THEN 'saturday' WHEN day_code = 2 THEN 'sunday' ELSE 'holiday' END AS day_type, to_str(dateadd('m', minute, '2000-01-01T00:00:00Z'::timestamp), 'HH:mm') AS local_time, kwh / (occurrences * 0.25) AS mean_kw, occurrences, kwh
FROM (
SELECT segment, day_code, minute, sum(kwh) AS kwh, count() AS occurrences
FROM (
SELECT c.segment AS segment, g.day_code AS day_code, g.minute AS minute, g.occurrence AS occurrence, sum(mu.kwh * coalesce(msm.scale_factor, 1.0)) AS kwh
FROM meter_usage mu
ASOF JOIN (SELECT * FROM (SELECT DISTINCT ts, slot, CASE WHEN day_of_week(local) = 7 THEN 2 WHEN day_of_week(local) = 6 THEN 1 ELSE 0 END AS day_code, hour(local) * 60 + minute(local) - (hour(local) * 60 + minute(local)) % 15 AS minute, dateadd('m', -((hour(local) * 60 + minute(local)) % 15), ts) AS occurrence FROM (SELECT ts, slot, to_timezone(ts, 'Europe/Berlin') AS local FROM (SELECT x - 1 AS slot, '2024-06-03T00:00:00.000000Z'::timestamp + (x - 1) * 900000000 AS ts FROM long_sequence(672))) ORDER BY ts) TIMESTAMP(ts)) g
LEFT JOIN (SELECT meter_id, customer_id, valid_from, lead(valid_from) OVER (PARTITION BY meter_id ORDER BY valid_from) AS next_from FROM meters) m ON m.meter_id = mu.meter_id AND mu.ts >= m.valid_from AND (m.next_from IS NULL OR mu.ts < m.next_from)
LEFT JOIN (SELECT customer_id, segment, tariff_code, valid_from, lead(valid_from) OVER (PARTITION BY customer_id ORDER BY valid_from) AS next_from FROM customers) c ON c.customer_id = m.customer_id AND mu.ts >= c.valid_from AND (c.next_from IS NULL OR mu.ts < c.next_from)
LEFT JOIN (SELECT meter_id, scale_factor, valid_to, valid_from, lead(valid_from) OVER (PARTITION BY meter_id ORDER BY valid_from) AS next_from FROM meter_scale_map) msm ON msm.meter_id = mu.meter_id AND mu.ts >= msm.valid_from AND (msm.next_from IS NULL OR mu.ts < msm.next_from) AND (msm.valid_to IS NULL OR mu.ts < msm.valid_to)
WHERE mu.ts >= '2024-06-03T00:00:00.000000Z' AND mu.ts < '2024-06-10T00:00:00.000000Z'
)
)
ORDER BY segment, day_code, minute;
