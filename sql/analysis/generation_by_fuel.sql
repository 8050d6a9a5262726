-- How much energy came from each fuel, day by day?
--
-- Result columns, one row per bucket and fuel with readings, ordered by `ts`, `fuel_type`:
--
-- - `ts`: start of the bucket, UTC; also where the range starts inside the bucket.
-- - `fuel_type`: as sent, or of the plant; null = neither is known.
-- - `mwh`: sum over units and intervals of MW * hours of the interval.
-- - `mean_mw`: `mwh` / hours of that part of the bucket that lies in the range.

SELECT ts, fuel_type, mwh, mwh * 3600000000.0 / datediff('u', greatest(ts, '2024-06-03T00:00:00.000000Z'::timestamp), least(to_utc(dateadd('d', 1, to_timezone(ts, 'Europe/Berlin')), 'Europe/Berlin'), '2024-06-10T00:00:00.000000Z'::timestamp)) AS mean_mw
FROM (
SELECT ts, fuel_type, sum(mw) * 0.25 AS mwh FROM (
SELECT * FROM (
SELECT g.ts AS ts, coalesce(g.fuel_type, p.fuel_type) AS fuel_type, g.mw AS mw
FROM (
SELECT ts, plant_id, fuel_type, mw FROM (
SELECT ts, plant_id, unit_id, fuel_type, mw, max(CASE WHEN unit_id IS NULL THEN 1.0 ELSE 0.0 END) OVER (PARTITION BY ts, plant_id) AS whole
FROM (
SELECT timestamp_floor('15m', ts) AS ts, plant_id, unit_id, avg(mw) AS mw, last_not_null(fuel_type) AS fuel_type
FROM generation_output WHERE ts >= '2024-06-03T00:00:00.000000Z' AND ts < '2024-06-10T00:00:00.000000Z' AND mw IS NOT NULL
)
) WHERE unit_id IS NULL OR whole = 0.0
) g
LEFT JOIN (SELECT plant_id, fuel_type, valid_from, lead(valid_from) OVER (PARTITION BY plant_id ORDER BY valid_from) AS next_from FROM plants) p ON p.plant_id = g.plant_id AND g.ts >= p.valid_from AND (p.next_from IS NULL OR g.ts < p.next_from)
) ORDER BY ts
) TIMESTAMP(ts)
SAMPLE BY 1d ALIGN TO CALENDAR TIME ZONE 'Europe/Berlin'
)
ORDER BY ts, fuel_type;
