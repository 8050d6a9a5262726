-- How much of its capacity did each plant make use of?
--
-- Result columns, one row per plant that has readings or a capacity in the range, ordered by
-- `plant_id`; shares from 0 to 1, above 1 where a plant gave more than it is rated for:
--
-- - `plant_id`: the plant.
-- - `mwh`: energy, of all readings; null = no reading.
-- - `capacity_mwh`: sum over the versions of its capacity of MW * hours that they hold in the
--   range; null = not known. Hours before the first version do not count.
-- - `capacity_factor`: energy while a capacity was known / `capacity_mwh`: missing readings lower
--   it. Null without readings, or where the capacity is 0 or not known.
-- - `hours_with_data`: hours of the intervals with a reading of the plant or of any of its units.
-- - `coverage_pct`: `hours_with_data` / hours of the range * 100.
-- - `capacity_factor_with_data`: energy while a capacity was known / (capacity * hours) of those
--   intervals only: what the plant did while it was seen.

SELECT plant_id, mwh, capacity_mwh, CASE WHEN capacity_mwh > 0.0 THEN rated_mwh / capacity_mwh END AS capacity_factor, hours_with_data, hours_with_data / 168.0 * 100.0 AS coverage_pct, CASE WHEN seen_mwh > 0.0 THEN rated_mwh / seen_mwh END AS capacity_factor_with_data
FROM (
SELECT plant_id, sum(mwh) AS mwh, sum(rated_mwh) AS rated_mwh, sum(seen_mwh) AS seen_mwh, sum(hours_with_data) AS hours_with_data, sum(capacity_mwh) AS capacity_mwh
FROM (
SELECT plant_id, sum(mw) * 0.25 AS mwh, sum(CASE WHEN capacity_mw IS NOT NULL THEN mw END) * 0.25 AS rated_mwh, sum(capacity_mw) * 0.25 AS seen_mwh, count() * 0.25 AS hours_with_data, null::double AS capacity_mwh
FROM (
SELECT g.plant_id AS plant_id, g.mw AS mw, p.capacity_mw AS capacity_mw
FROM (
SELECT ts, plant_id, sum(mw) AS mw FROM (
SELECT ts, plant_id, fuel_type, mw FROM (
SELECT ts, plant_id, unit_id, fuel_type, mw, max(CASE WHEN unit_id IS NULL THEN 1.0 ELSE 0.0 END) OVER (PARTITION BY ts, plant_id) AS whole
FROM (
SELECT timestamp_floor('15m', ts) AS ts, plant_id, unit_id, avg(mw) AS mw, last_not_null(fuel_type) AS fuel_type
FROM generation_output WHERE ts >= '2024-06-03T00:00:00.000000Z' AND ts < '2024-06-10T00:00:00.000000Z' AND mw IS NOT NULL
)
) WHERE unit_id IS NULL OR whole = 0.0
)
) g
LEFT JOIN (SELECT plant_id, capacity_mw, valid_from, lead(valid_from) OVER (PARTITION BY plant_id ORDER BY valid_from) AS next_from FROM plants) p ON p.plant_id = g.plant_id AND g.ts >= p.valid_from AND (p.next_from IS NULL OR g.ts < p.next_from)
)
UNION ALL
SELECT plant_id, null::double AS mwh, null::double AS rated_mwh, null::double AS seen_mwh, 0.0 AS hours_with_data, sum(capacity_mw * datediff('u', greatest(valid_from, '2024-06-03T00:00:00.000000Z'::timestamp), least(coalesce(next_from, '2024-06-10T00:00:00.000000Z'::timestamp), '2024-06-10T00:00:00.000000Z'::timestamp)) / 3600000000.0) AS capacity_mwh
FROM (SELECT plant_id, capacity_mw, valid_from, lead(valid_from) OVER (PARTITION BY plant_id ORDER BY valid_from) AS next_from FROM plants) WHERE capacity_mw IS NOT NULL AND valid_from < '2024-06-10T00:00:00.000000Z'::timestamp AND (next_from IS NULL OR next_from > '2024-06-03T00:00:00.000000Z'::timestamp)
)
)
ORDER BY plant_id;
