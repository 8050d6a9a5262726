-- Which part of each feeder's losses goes with its load squared, which part is fixed?
--
-- A straight line by least squares through the intervals of a feeder: mean loss in kW over mean
-- demand in kW, squared. What is there without a load (iron of transformers, standing
-- consumption) is the fixed part, what grows with the current squared the variable part. Taken
-- are intervals of which every reading is there, without generation on the feeder and with a
-- demand above 0: elsewhere the flow in the wires is not the demand.
--
-- Result columns, one row per feeder with such an interval, ordered by `feeder_id`:
--
-- - `feeder_id`, `interval_count`: the intervals taken.
-- - `r2`: share of the variance of the losses that the line explains, 0..1; null where load or
--   losses do not vary.
-- - `sound`: true if there are at least 96 intervals, `r2` is at least 0.5, and neither part is
--   below 0. Otherwise the columns below are null: a line through them would say nothing.
-- - `fixed_kw`: loss without load.
-- - `variable_kw_per_kw2`: loss in kW per kW of demand squared.
-- - `fixed_kwh`, `variable_kwh`: both over the intervals taken; their sum is the measured loss.
--
-- It supposes that voltage, power factor and the spread of the load along the feeder stay as they
-- are. A sound line does not prove that losses follow the square: over a small range of loads,
-- losses in proportion to the load fit it as well.

SELECT feeder_id, interval_count, r2, (interval_count >= 96 AND r2 >= 0.5 AND fixed_kw >= 0 AND slope >= 0) AS sound,
CASE WHEN (interval_count >= 96 AND r2 >= 0.5 AND fixed_kw >= 0 AND slope >= 0) THEN fixed_kw END AS fixed_kw,
CASE WHEN (interval_count >= 96 AND r2 >= 0.5 AND fixed_kw >= 0 AND slope >= 0) THEN slope END AS variable_kw_per_kw2,
CASE WHEN (interval_count >= 96 AND r2 >= 0.5 AND fixed_kw >= 0 AND slope >= 0) THEN fixed_kw * hours END AS fixed_kwh,
CASE WHEN (interval_count >= 96 AND r2 >= 0.5 AND fixed_kw >= 0 AND slope >= 0) THEN slope * kw2_hours END AS variable_kwh
FROM (
SELECT feeder_id, count() AS interval_count, corr(loss_kw, kw2) * corr(loss_kw, kw2) AS r2, regr_intercept(loss_kw, kw2) AS fixed_kw, regr_slope(loss_kw, kw2) AS slope, sum(hours) AS hours, sum(kw2 * hours) AS kw2_hours
FROM (SELECT feeder_id, loss_kwh / hours AS loss_kw, demand_kwh / hours * demand_kwh / hours AS kw2, hours
FROM (SELECT feeder_id, loss_kwh, demand_kwh, interval_minutes / 60.0 AS hours FROM (
SELECT ts, feeder_id, 15 AS interval_minutes, supplied_kwh, generation_kwh, demand_kwh,
((supplied_kwh + generation_kwh) - demand_kwh) AS loss_kwh, CASE WHEN (supplied_kwh + generation_kwh) > 0 THEN 100.0 * ((supplied_kwh + generation_kwh) - demand_kwh) / (supplied_kwh + generation_kwh) END AS loss_pct,
CASE WHEN expected_readings > 0 THEN 100.0 * present_readings / expected_readings END AS coverage_pct,
CASE WHEN present_readings > 0 THEN 100.0 * estimated_readings / present_readings END AS estimated_pct,
expected_readings, present_readings, estimated_readings, head_nodes_unclear, plants_missing, topology_events, scale_changed
FROM (
SELECT ts, feeder_id,
CASE WHEN head_due > 0 AND head_unclear = 0 AND head_there >= head_due THEN head_kwh END AS supplied_kwh,
CASE WHEN plant_ever = 0 THEN 0.0 WHEN plant_there >= plant_due THEN coalesce(plant_kwh, 0.0) END AS generation_kwh,
CASE WHEN meter_due > 0 THEN meter_kwh END AS demand_kwh,
meter_due AS expected_readings, meter_there AS present_readings, meter_estimated AS estimated_readings, head_unclear > 0 AS head_nodes_unclear, plant_there < plant_due AS plants_missing, topology AS topology_events, scales > 0 AS scale_changed
FROM (
SELECT timestamp_floor('15m', ts) AS ts, feeder_id, sum(CASE WHEN kind = 0 THEN kwh END) AS head_kwh, coalesce(sum(CASE WHEN kind = 0 THEN n END), 0) AS head_there, coalesce(sum(CASE WHEN kind = 1 THEN n END), 0) AS head_due, coalesce(sum(CASE WHEN kind = 1 THEN m END), 0) AS head_unclear, sum(CASE WHEN kind = 2 THEN kwh END) AS plant_kwh, coalesce(sum(CASE WHEN kind = 2 THEN n END), 0) AS plant_there, coalesce(sum(CASE WHEN kind = 3 THEN n END), 0) AS plant_due, sum(CASE WHEN kind IN (2, 3) THEN 1 ELSE 0 END) AS plant_ever, sum(CASE WHEN kind = 4 THEN kwh END) AS meter_kwh, coalesce(sum(CASE WHEN kind = 4 THEN n END), 0) AS meter_there, coalesce(sum(CASE WHEN kind = 4 THEN m END), 0) AS meter_estimated, coalesce(sum(CASE WHEN kind = 5 THEN n END), 0) AS meter_due, coalesce(sum(CASE WHEN kind = 6 THEN n END), 0) AS topology, coalesce(sum(CASE WHEN kind = 7 THEN n END), 0) AS scales, sum(CASE WHEN kind IN (6, 7) THEN 0 ELSE 1 END) AS things
FROM (
(SELECT mu.ts AS ts, mfm.feeder_id AS feeder_id, 4 AS kind, sum(mu.kwh * coalesce(msm.scale_factor, 1.0)) AS kwh, sum(CASE WHEN out.meter_id IS NULL AND mu.kwh IS NOT NULL AND mu.ts = timestamp_floor('15m', mu.ts) THEN 1L ELSE 0L END) AS n, sum(CASE WHEN out.meter_id IS NULL AND mu.kwh IS NOT NULL AND mu.ts = timestamp_floor('15m', mu.ts) AND upper(mu.quality_flag) IN ('ESTIMATED', 'ESTIMATE', 'EST', 'E', 'SUBSTITUTED', 'SUBSTITUTE', 'SUB', 'S') THEN 1L ELSE 0L END) AS m
FROM meter_usage mu
JOIN (SELECT meter_id, feeder_id, valid_to, valid_from, lead(valid_from) OVER (PARTITION BY meter_id ORDER BY valid_from) AS next_from FROM meter_feeder_map) mfm ON mfm.meter_id = mu.meter_id AND mu.ts >= mfm.valid_from AND (mfm.next_from IS NULL OR mu.ts < mfm.next_from) AND (mfm.valid_to IS NULL OR mu.ts < mfm.valid_to)
LEFT JOIN (SELECT meter_id, scale_factor, valid_to, valid_from, lead(valid_from) OVER (PARTITION BY meter_id ORDER BY valid_from) AS next_from FROM meter_scale_map) msm ON msm.meter_id = mu.meter_id AND mu.ts >= msm.valid_from AND (msm.next_from IS NULL OR mu.ts < msm.next_from) AND (msm.valid_to IS NULL OR mu.ts < msm.valid_to)
LEFT JOIN (SELECT meter_id, valid_from, next_from FROM (SELECT meter_id, status, valid_from, lead(valid_from) OVER (PARTITION BY meter_id ORDER BY valid_from) AS next_from FROM meters) WHERE NOT (status IS NULL OR lower(status) NOT IN ('inactive', 'removed', 'retired'))) out ON out.meter_id = mu.meter_id AND mu.ts >= out.valid_from AND (out.next_from IS NULL OR mu.ts < out.next_from)
WHERE mu.ts >= '2024-06-03T00:00:00.000000Z' AND mu.ts < '2024-06-10T00:00:00.000000Z'
SAMPLE BY 15m ALIGN TO CALENDAR)
UNION ALL
(SELECT s.ts AS ts, d.feeder_id AS feeder_id, 5 AS kind, null::double AS kwh, d.n AS n, 0L AS m
FROM (SELECT dateadd('m', 15 * (x::int - 1), '2024-06-03T00:00:00.000000Z'::timestamp) AS ts FROM long_sequence(672)) s
CROSS JOIN (SELECT feeder_id, since, until, sum(n) AS n FROM (SELECT meter_id, feeder_id, since, until, n FROM (
(SELECT x.meter_id AS meter_id, x.feeder_id AS feeder_id, greatest(x.valid_from, '2024-06-03T00:00:00.000000Z'::timestamp) AS since, least(x.next_from, x.valid_to, '2024-06-10T00:00:00.000000Z'::timestamp) AS until, 1L AS n FROM (SELECT meter_id, feeder_id, valid_to, valid_from, lead(valid_from) OVER (PARTITION BY meter_id ORDER BY valid_from) AS next_from FROM meter_feeder_map) x)
UNION ALL
(SELECT x.meter_id AS meter_id, x.feeder_id AS feeder_id, greatest(x.valid_from, o.valid_from, '2024-06-03T00:00:00.000000Z'::timestamp) AS since, least(x.next_from, x.valid_to, o.next_from, '2024-06-10T00:00:00.000000Z'::timestamp) AS until, -1L AS n FROM (SELECT meter_id, feeder_id, valid_to, valid_from, lead(valid_from) OVER (PARTITION BY meter_id ORDER BY valid_from) AS next_from FROM meter_feeder_map) x JOIN (SELECT meter_id, status, valid_from, lead(valid_from) OVER (PARTITION BY meter_id ORDER BY valid_from) AS next_from FROM meters) o ON o.meter_id = x.meter_id WHERE NOT (o.status IS NULL OR lower(o.status) NOT IN ('inactive', 'removed', 'retired')))
) WHERE since < until) GROUP BY feeder_id, since, until) d
WHERE s.ts >= d.since AND s.ts < d.until)
UNION ALL
(SELECT ts, feeder_id, 0 AS kind, sum(kw) * 0.25 AS kwh, count(kw) AS n, 0L AS m
FROM (
SELECT ts, feeder_id, node_id, avg(kw) AS kw
FROM (SELECT ts, feeder_id, node_id, value * CASE WHEN lower(unit) = 'mw' THEN 1000.0 WHEN lower(unit) = 'kw' THEN 1.0 WHEN lower(unit) = 'w' THEN 0.001 END AS kw FROM network_measurements WHERE ts >= '2024-06-03T00:00:00.000000Z' AND ts < '2024-06-10T00:00:00.000000Z' AND quantity = 'active_power' AND feeder_id IS NOT NULL)
SAMPLE BY 15m ALIGN TO CALENDAR
)
GROUP BY ts, feeder_id)
UNION ALL
(SELECT s.ts AS ts, h.feeder_id AS feeder_id, 1 AS kind, null::double AS kwh, h.n AS n, h.m AS m
FROM (SELECT dateadd('m', 15 * (x::int - 1), '2024-06-03T00:00:00.000000Z'::timestamp) AS ts FROM long_sequence(672)) s
CROSS JOIN ((SELECT feeder_id, count() AS n, CASE WHEN count() > 1 THEN 1L ELSE 0L END AS m
FROM (SELECT DISTINCT feeder_id, node_id FROM network_measurements WHERE ts >= '2024-05-03T00:00:00.000000Z' AND ts < '2024-06-10T00:00:00.000000Z' AND quantity = 'active_power' AND feeder_id IS NOT NULL)
GROUP BY feeder_id)) h)
UNION ALL
(SELECT mu.ts AS ts, pfm.feeder_id AS feeder_id, 2 AS kind, sum(coalesce(mu.whole, mu.parts)) * 250.0 AS kwh, sum(CASE WHEN (mu.whole IS NOT NULL OR mu.units >= coalesce(p.units, 1)) AND (p.status IS NULL OR lower(p.status) NOT IN ('inactive', 'removed', 'retired')) THEN 1 ELSE 0 END) AS n, 0L AS m
FROM (SELECT ts, plant_id, sum(CASE WHEN unit_id IS NULL THEN mw END) AS whole, sum(CASE WHEN unit_id IS NOT NULL THEN mw END) AS parts, count(unit_id) AS units
FROM (SELECT ts, plant_id, unit_id, avg(mw) AS mw FROM generation_output WHERE ts >= '2024-06-03T00:00:00.000000Z' AND ts < '2024-06-10T00:00:00.000000Z' AND mw IS NOT NULL SAMPLE BY 15m ALIGN TO CALENDAR)
GROUP BY ts, plant_id) mu
JOIN (SELECT plant_id, feeder_id, valid_to, valid_from, lead(valid_from) OVER (PARTITION BY plant_id ORDER BY valid_from) AS next_from FROM plant_feeder_map) pfm ON pfm.plant_id = mu.plant_id AND mu.ts >= pfm.valid_from AND (pfm.next_from IS NULL OR mu.ts < pfm.next_from) AND (pfm.valid_to IS NULL OR mu.ts < pfm.valid_to)
LEFT JOIN (SELECT plant_id, units, status, valid_from, lead(valid_from) OVER (PARTITION BY plant_id ORDER BY valid_from) AS next_from FROM plants) p ON p.plant_id = mu.plant_id AND mu.ts >= p.valid_from AND (p.next_from IS NULL OR mu.ts < p.next_from)
GROUP BY ts, feeder_id)
UNION ALL
(SELECT s.ts AS ts, d.feeder_id AS feeder_id, 3 AS kind, null::double AS kwh, d.n AS n, 0L AS m
FROM (SELECT dateadd('m', 15 * (x::int - 1), '2024-06-03T00:00:00.000000Z'::timestamp) AS ts FROM long_sequence(672)) s
CROSS JOIN (SELECT feeder_id, since, until, sum(n) AS n FROM (SELECT plant_id, feeder_id, since, until, n FROM (
(SELECT x.plant_id AS plant_id, x.feeder_id AS feeder_id, greatest(x.valid_from, '2024-06-03T00:00:00.000000Z'::timestamp) AS since, least(x.next_from, x.valid_to, '2024-06-10T00:00:00.000000Z'::timestamp) AS until, 1L AS n FROM (SELECT plant_id, feeder_id, valid_to, valid_from, lead(valid_from) OVER (PARTITION BY plant_id ORDER BY valid_from) AS next_from FROM plant_feeder_map) x)
UNION ALL
(SELECT x.plant_id AS plant_id, x.feeder_id AS feeder_id, greatest(x.valid_from, o.valid_from, '2024-06-03T00:00:00.000000Z'::timestamp) AS since, least(x.next_from, x.valid_to, o.next_from, '2024-06-10T00:00:00.000000Z'::timestamp) AS until, -1L AS n FROM (SELECT plant_id, feeder_id, valid_to, valid_from, lead(valid_from) OVER (PARTITION BY plant_id ORDER BY valid_from) AS next_from FROM plant_feeder_map) x JOIN (SELECT plant_id, status, valid_from, lead(valid_from) OVER (PARTITION BY plant_id ORDER BY valid_from) AS next_from FROM plants) o ON o.plant_id = x.plant_id WHERE NOT (o.status IS NULL OR lower(o.status) NOT IN ('inactive', 'removed', 'retired')))
) WHERE since < until) GROUP BY feeder_id, since, until) d
WHERE s.ts >= d.since AND s.ts < d.until)
UNION ALL
((SELECT ts, from_feeder_id AS feeder_id, 6 AS kind, null::double AS kwh, 1L AS n, 0L AS m FROM topology_events WHERE ts >= '2024-06-03T00:00:00.000000Z' AND ts < '2024-06-10T00:00:00.000000Z' AND from_feeder_id IS NOT NULL)
UNION ALL
(SELECT ts, to_feeder_id AS feeder_id, 6 AS kind, null::double AS kwh, 1L AS n, 0L AS m FROM topology_events WHERE ts >= '2024-06-03T00:00:00.000000Z' AND ts < '2024-06-10T00:00:00.000000Z' AND to_feeder_id IS NOT NULL AND to_feeder_id != from_feeder_id)
UNION ALL
(SELECT ts, element_id AS feeder_id, 6 AS kind, null::double AS kwh, 1L AS n, 0L AS m FROM topology_events WHERE ts >= '2024-06-03T00:00:00.000000Z' AND ts < '2024-06-10T00:00:00.000000Z' AND element_type = 'feeder' AND element_id != from_feeder_id AND element_id != to_feeder_id))
UNION ALL
(SELECT s.ts AS ts, c.feeder_id AS feeder_id, 7 AS kind, null::double AS kwh, 1L AS n, 0L AS m
FROM (SELECT dateadd('m', 15 * (x::int - 1), '2024-06-03T00:00:00.000000Z'::timestamp) AS ts FROM long_sequence(672)) s
CROSS JOIN (SELECT DISTINCT mfm.feeder_id AS feeder_id, mu.ts AS ts FROM ((SELECT meter_id, valid_from AS ts FROM meter_scale_map WHERE valid_from >= '2024-05-27T00:00:00.000000Z' AND valid_from < '2024-06-10T00:00:00.000000Z') UNION ALL (SELECT meter_id, valid_to AS ts FROM meter_scale_map WHERE valid_to >= '2024-05-27T00:00:00.000000Z' AND valid_to < '2024-06-10T00:00:00.000000Z')) mu JOIN (SELECT meter_id, feeder_id, valid_to, valid_from, lead(valid_from) OVER (PARTITION BY meter_id ORDER BY valid_from) AS next_from FROM meter_feeder_map) mfm ON mfm.meter_id = mu.meter_id AND mu.ts >= mfm.valid_from AND (mfm.next_from IS NULL OR mu.ts < mfm.next_from) AND (mfm.valid_to IS NULL OR mu.ts < mfm.valid_to)) c
WHERE c.ts < dateadd('m', 15, s.ts) AND c.ts >= dateadd('d', -7, s.ts))
)
WHERE feeder_id IS NOT NULL
GROUP BY timestamp_floor('15m', ts), feeder_id
)
WHERE things > 0
)
ORDER BY ts, feeder_id
) WHERE loss_kwh IS NOT NULL AND present_readings = expected_readings AND generation_kwh = 0 AND demand_kwh > 0))
GROUP BY feeder_id
)
ORDER BY feeder_id;
