-- How many of the readings that should be there are there, meter by meter and day by day?
--
-- Result columns, one row per local day and meter that was expected or sent something on it,
-- ordered by `local_day`, `meter_id`:
--
-- - `local_day`: date in the zone, as its midnight without a zone. The first and last day are
--   only as long as their parts in the range.
-- - `meter_id`.
-- - `expected`: intervals of that day in the range while the meter was known. A whole day has
--   92, 96 or 100 quarter hours, by the clock changes of the zone. A meter is known by `meters`
--   (unless its status is `inactive`, `removed` or `retired`), by `meter_feeder_map` if `meters`
--   lacks it, and for all of the range if both lack it and it sent something.
-- - `present`: expected intervals in which a reading starts. A meter that sent nothing has 0.
-- - `missing`: `expected` - `present`.
-- - `present_pct`: 100 * `present` / `expected`; null where nothing was expected.
-- - `off_grid`: readings that do not start with an interval.
-- - `doubled`: readings beyond the first of their interval. (A reading sent twice is one row.)
-- - `unexpected`: readings from intervals in which the meter was not known.
--
-- Readings of the day = `present` + `doubled` + `unexpected`.

WITH known AS (SELECT meter_id, lo, hi FROM (SELECT meter_id, (datediff('u', '2024-06-03T00:00:00.000000Z'::timestamp, since) + 899999999) / 900000000 AS lo, (datediff('u', '2024-06-03T00:00:00.000000Z'::timestamp, until) + 899999999) / 900000000 AS hi FROM (
SELECT meter_id, greatest(since, '2024-06-03T00:00:00.000000Z'::timestamp) AS since, least(coalesce(until, '2024-06-10T00:00:00.000000Z'::timestamp), '2024-06-10T00:00:00.000000Z'::timestamp) AS until FROM (
SELECT meter_id::varchar AS meter_id, valid_from AS since, next_from AS until FROM (SELECT meter_id, status, valid_from, lead(valid_from) OVER (PARTITION BY meter_id ORDER BY valid_from) AS next_from FROM meters) WHERE (status IS NULL OR lower(status) NOT IN ('inactive', 'removed', 'retired'))
UNION ALL
SELECT meter_id::varchar AS meter_id, valid_from AS since, CASE WHEN valid_to IS NULL OR next_from < valid_to THEN next_from ELSE valid_to END AS until FROM (SELECT meter_id, valid_to, valid_from, lead(valid_from) OVER (PARTITION BY meter_id ORDER BY valid_from) AS next_from FROM meter_feeder_map) WHERE meter_id NOT IN (SELECT meter_id FROM meters WHERE meter_id IS NOT NULL)
UNION ALL
SELECT meter_id::varchar AS meter_id, '2024-06-03T00:00:00.000000Z'::timestamp AS since, '2024-06-10T00:00:00.000000Z'::timestamp AS until FROM (SELECT DISTINCT meter_id FROM meter_usage WHERE ts >= '2024-06-03T00:00:00.000000Z' AND ts < '2024-06-10T00:00:00.000000Z' AND meter_id NOT IN (SELECT meter_id FROM meters WHERE meter_id IS NOT NULL) AND meter_id NOT IN (SELECT meter_id FROM meter_feeder_map WHERE meter_id IS NOT NULL))
)) WHERE since < until) WHERE lo < hi),
grid AS (SELECT * FROM (SELECT DISTINCT ts, slot, timestamp_floor('d', local) AS local_day FROM (SELECT ts, slot, to_timezone(ts, 'Europe/Berlin') AS local FROM (SELECT x - 1 AS slot, '2024-06-03T00:00:00.000000Z'::timestamp + (x - 1) * 900000000 AS ts FROM long_sequence(672))) ORDER BY ts) TIMESTAMP(ts))
SELECT local_day, meter_id, expected, present, expected - present AS missing, CASE WHEN expected > 0 THEN 100.0 * present / expected END AS present_pct, off_grid, doubled, unexpected
FROM (
SELECT local_day, meter_id, sum(expected) AS expected, sum(present) AS present, sum(off_grid) AS off_grid, sum(doubled) AS doubled, sum(unexpected) AS unexpected
FROM (
SELECT d.local_day AS local_day, k.meter_id AS meter_id, sum(least(k.hi, d.hi) - greatest(k.lo, d.lo)) AS expected, 0L AS present, 0L AS off_grid, 0L AS doubled, 0L AS unexpected
FROM known k CROSS JOIN (SELECT local_day, min(slot) AS lo, max(slot) + 1 AS hi FROM grid) d
WHERE k.lo < d.hi AND d.lo < k.hi
UNION ALL
SELECT g.local_day AS local_day, mu.meter_id::varchar AS meter_id, 0L AS expected, sum(CASE WHEN k.lo IS NULL OR mu.before >= g.ts THEN 0L ELSE 1L END) AS present, sum(CASE WHEN mu.ts = g.ts THEN 0L ELSE 1L END) AS off_grid, sum(CASE WHEN k.lo IS NOT NULL AND mu.before >= g.ts THEN 1L ELSE 0L END) AS doubled, sum(CASE WHEN k.lo IS NULL THEN 1L ELSE 0L END) AS unexpected
FROM (SELECT * FROM (SELECT ts, meter_id, lag(ts) OVER (PARTITION BY meter_id ORDER BY ts) AS before FROM meter_usage WHERE ts >= '2024-06-03T00:00:00.000000Z' AND ts < '2024-06-10T00:00:00.000000Z') TIMESTAMP(ts)) mu
ASOF JOIN grid g
LEFT JOIN known k ON k.meter_id = mu.meter_id AND g.slot >= k.lo AND g.slot < k.hi
)
)
ORDER BY local_day, meter_id;
