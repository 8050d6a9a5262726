-- How far do the highest loads of the meters of a segment fall together?
--
-- Result columns, one row per group with readings, ordered by `group_name`:
--
-- - `group_name`, `ts`, `coincident_kw`: the peak, as `coincident_peaks_sql` has it.
-- - `noncoincident_kw`: sum of the meters' own peaks; one below 0 (exports only) counts as 0.
-- - `meters`: how many meters that is.
-- - `coincidence_factor`: `coincident_kw` / `noncoincident_kw`, at most 1; null where the latter
--   is 0.
-- - `diversity_factor`: `noncoincident_kw` / `coincident_kw`; null where the peak is not above 0.
--
-- Arguments and errors are those of `coincident_peaks_sql`.

SELECT p.group_name AS group_name, p.ts AS ts, p.peak_kw AS coincident_kw, n.kw AS noncoincident_kw, n.meters AS meters, CASE WHEN n.kw > 0.0 THEN p.peak_kw / n.kw END AS coincidence_factor, CASE WHEN p.peak_kw > 0.0 THEN n.kw / p.peak_kw END AS diversity_factor
FROM (
SELECT group_name, ts, kwh / 0.25 AS peak_kw, meters FROM (
SELECT group_name, ts, kwh, meters, row_number() OVER (PARTITION BY group_name ORDER BY kwh DESC, ts) AS place FROM (
SELECT group_name, ts, CASE WHEN abs(kwh) < 1e9 THEN round(kwh, 6) + 0.0 ELSE kwh END AS kwh, meters FROM (
SELECT timestamp_floor('15m', mu.ts) AS ts, c.segment AS group_name, sum(mu.kwh * coalesce(msm.scale_factor, 1.0)) AS kwh, count_distinct(mu.meter_id) AS meters
FROM meter_usage mu
JOIN (SELECT meter_id, customer_id, valid_from, lead(valid_from) OVER (PARTITION BY meter_id ORDER BY valid_from) AS next_from FROM meters) m ON m.meter_id = mu.meter_id AND mu.ts >= m.valid_from AND (m.next_from IS NULL OR mu.ts < m.next_from)
JOIN (SELECT customer_id, segment, valid_from, lead(valid_from) OVER (PARTITION BY customer_id ORDER BY valid_from) AS next_from FROM customers) c ON c.customer_id = m.customer_id AND mu.ts >= c.valid_from AND (c.next_from IS NULL OR mu.ts < c.next_from)
LEFT JOIN (SELECT meter_id, scale_factor, valid_to, valid_from, lead(valid_from) OVER (PARTITION BY meter_id ORDER BY valid_from) AS next_from FROM meter_scale_map) msm ON msm.meter_id = mu.meter_id AND mu.ts >= msm.valid_from AND (msm.next_from IS NULL OR mu.ts < msm.next_from) AND (msm.valid_to IS NULL OR mu.ts < msm.valid_to)
WHERE mu.ts >= '2024-06-03T00:00:00.000000Z' AND mu.ts < '2024-06-10T00:00:00.000000Z' AND mu.kwh IS NOT NULL AND c.segment IS NOT NULL
)
)
) WHERE place = 1
) p
JOIN (
SELECT group_name, sum(CASE WHEN peak_kw > 0.0 THEN peak_kw ELSE 0.0 END) AS kw, count() AS meters
FROM (
SELECT group_name, meter_id, min(ts) AS ts, max(kwh) / 0.25 AS peak_kw FROM (
SELECT group_name, meter_id, ts, kwh, max(kwh) OVER (PARTITION BY group_name, meter_id) AS highest FROM (
SELECT group_name, meter_id, ts, CASE WHEN abs(kwh) < 1e9 THEN round(kwh, 6) + 0.0 ELSE kwh END AS kwh FROM (
SELECT timestamp_floor('15m', mu.ts) AS ts, c.segment AS group_name, mu.meter_id AS meter_id, sum(mu.kwh * coalesce(msm.scale_factor, 1.0)) AS kwh
FROM meter_usage mu
JOIN (SELECT meter_id, customer_id, valid_from, lead(valid_from) OVER (PARTITION BY meter_id ORDER BY valid_from) AS next_from FROM meters) m ON m.meter_id = mu.meter_id AND mu.ts >= m.valid_from AND (m.next_from IS NULL OR mu.ts < m.next_from)
JOIN (SELECT customer_id, segment, valid_from, lead(valid_from) OVER (PARTITION BY customer_id ORDER BY valid_from) AS next_from FROM customers) c ON c.customer_id = m.customer_id AND mu.ts >= c.valid_from AND (c.next_from IS NULL OR mu.ts < c.next_from)
LEFT JOIN (SELECT meter_id, scale_factor, valid_to, valid_from, lead(valid_from) OVER (PARTITION BY meter_id ORDER BY valid_from) AS next_from FROM meter_scale_map) msm ON msm.meter_id = mu.meter_id AND mu.ts >= msm.valid_from AND (msm.next_from IS NULL OR mu.ts < msm.next_from) AND (msm.valid_to IS NULL OR mu.ts < msm.valid_to)
WHERE mu.ts >= '2024-06-03T00:00:00.000000Z' AND mu.ts < '2024-06-10T00:00:00.000000Z' AND mu.kwh IS NOT NULL AND c.segment IS NOT NULL
)
)
) WHERE kwh = highest
)
) n ON n.group_name = p.group_name
ORDER BY group_name;
