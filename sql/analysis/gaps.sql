-- When did which meter send nothing?
--
-- Result columns, one row per gap, ordered by `meter_id`, `gap_start`:
--
-- - `meter_id`.
-- - `gap_start`: start of the first missing interval, UTC.
-- - `gap_end`: end of the last missing one, UTC.
-- - `missing`: expected intervals without a reading. Less than `gap_end` - `gap_start` holds
--   where the meter was not known for a part in between.
-- - `place`: `inside` (between two readings of the range), `start` (before the first one), `end`
--   (after the last one) or `all` (the meter sent nothing in the range).
--
-- Intervals and meters are expected as in `completeness_sql`, so that `missing` adds up to the
-- same. Nothing is said about gaps before the range or after it.

WITH known AS (SELECT meter_id, lo, hi FROM (SELECT meter_id, (datediff('u', '2024-06-03T00:00:00.000000Z'::timestamp, since) + 899999999) / 900000000 AS lo, (datediff('u', '2024-06-03T00:00:00.000000Z'::timestamp, until) + 899999999) / 900000000 AS hi FROM (
SELECT meter_id, greatest(since, '2024-06-03T00:00:00.000000Z'::timestamp) AS since, least(coalesce(until, '2024-06-10T00:00:00.000000Z'::timestamp), '2024-06-10T00:00:00.000000Z'::timestamp) AS until FROM (
SELECT meter_id::varchar AS meter_id, valid_from AS since, next_from AS until FROM (SELECT meter_id, status, valid_from, lead(valid_from) OVER (PARTITION BY meter_id ORDER BY valid_from) AS next_from FROM meters) WHERE (status IS NULL OR lower(status) NOT IN ('inactive', 'removed', 'retired'))
UNION ALL
SELECT meter_id::varchar AS meter_id, valid_from AS since, CASE WHEN valid_to IS NULL OR next_from < valid_to THEN next_from ELSE valid_to END AS until FROM (SELECT meter_id, valid_to, valid_from, lead(valid_from) OVER (PARTITION BY meter_id ORDER BY valid_from) AS next_from FROM meter_feeder_map) WHERE meter_id NOT IN (SELECT meter_id FROM meters WHERE meter_id IS NOT NULL)
UNION ALL
SELECT meter_id::varchar AS meter_id, '2024-06-03T00:00:00.000000Z'::timestamp AS since, '2024-06-10T00:00:00.000000Z'::timestamp AS until FROM (SELECT DISTINCT meter_id FROM meter_usage WHERE ts >= '2024-06-03T00:00:00.000000Z' AND ts < '2024-06-10T00:00:00.000000Z' AND meter_id NOT IN (SELECT meter_id FROM meters WHERE meter_id IS NOT NULL) AND meter_id NOT IN (SELECT meter_id FROM meter_feeder_map WHERE meter_id IS NOT NULL))
)) WHERE since < until) WHERE lo < hi),
ends AS (SELECT meter_id::varchar AS meter_id, datediff('u', '2024-06-03T00:00:00.000000Z'::timestamp, min(ts)) / 900000000 AS first, datediff('u', '2024-06-03T00:00:00.000000Z'::timestamp, max(ts)) / 900000000 AS last FROM meter_usage WHERE ts >= '2024-06-03T00:00:00.000000Z' AND ts < '2024-06-10T00:00:00.000000Z')
SELECT meter_id, '2024-06-03T00:00:00.000000Z'::timestamp + lo * 900000000 AS gap_start, '2024-06-03T00:00:00.000000Z'::timestamp + hi * 900000000 AS gap_end, missing, place
FROM (
SELECT k.meter_id AS meter_id, g.place AS place, g.lo AS gap, min(greatest(k.lo, g.lo)) AS lo, max(least(k.hi, g.hi)) AS hi, sum(least(k.hi, g.hi) - greatest(k.lo, g.lo)) AS missing
FROM known k JOIN (
SELECT meter_id::varchar AS meter_id, slot_before + 1 AS lo, slot AS hi, 'inside' AS place FROM (SELECT meter_id, datediff('u', '2024-06-03T00:00:00.000000Z'::timestamp, ts) / 900000000 AS slot, datediff('u', '2024-06-03T00:00:00.000000Z'::timestamp, before) / 900000000 AS slot_before FROM (SELECT * FROM (SELECT ts, meter_id, lag(ts) OVER (PARTITION BY meter_id ORDER BY ts) AS before FROM meter_usage WHERE ts >= '2024-06-03T00:00:00.000000Z' AND ts < '2024-06-10T00:00:00.000000Z') TIMESTAMP(ts))) WHERE slot > slot_before + 1
UNION ALL
SELECT meter_id, 0L AS lo, first AS hi, 'start' AS place FROM ends
UNION ALL
SELECT meter_id, last + 1 AS lo, 672L AS hi, 'end' AS place FROM ends
UNION ALL
SELECT DISTINCT k.meter_id AS meter_id, 0L AS lo, 672L AS hi, 'all' AS place FROM known k LEFT JOIN ends e ON e.meter_id = k.meter_id WHERE e.meter_id IS NULL
) g ON g.meter_id = k.meter_id
WHERE k.lo < g.hi AND g.lo < k.hi
)
ORDER BY meter_id, gap_start;
