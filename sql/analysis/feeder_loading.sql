-- How heavily is each feeder loaded: peak, mean, back-feed, load and demand factor?
--
-- Result columns, one row per feeder whose head has measured within the period or the 31 days
-- before, ordered by `feeder_id`; powers are means over an interval, in kW, positive into the
-- feeder:
--
-- - `feeder_id`
-- - `interval_count`, `missing_intervals`: with a power, and without: a measurement is missing,
--   or nobody knows which of several nodes is the head. All below is over those with one, and
--   null without any.
-- - `peak_kw`, `peak_ts`: highest power into the feeder and the start of its first interval.
-- - `mean_kw`
-- - `load_factor`: mean / peak, 0..1; null where either is not above 0.
-- - `min_kw`, `min_ts`: lowest power likewise; below 0 where the feeder feeds back.
-- - `fed_back_kwh`, `fed_back_hours`: energy out of the feeder, >= 0, and for how long.
-- - `rating_kva`: as given; null if it was not.
-- - `utilisation_pct`: the larger of peak and back-feed, of the rating, percent: kW for kVA, so
--   as of a power factor of 1; divide by the real one.
-- - `connected_kva`: sum of `meters.rated_kva` on the feeder and in service at the end of the
--   period, without export registers, whose site has another meter; null if none is known.
-- - `demand_factor`: peak / connected load.
--
-- There is no table of feeder ratings; without `ratings`, the connected load says at least how
-- much of it is drawn at once.

SELECT l.feeder_id AS feeder_id, l.interval_count AS interval_count, l.missing_intervals AS missing_intervals, l.peak_kw AS peak_kw, l.peak_ts AS peak_ts, l.mean_kw AS mean_kw,
CASE WHEN l.peak_kw > 0 AND l.mean_kw > 0 THEN l.mean_kw / l.peak_kw END AS load_factor,
l.min_kw AS min_kw, l.min_ts AS min_ts, l.fed_back_kwh AS fed_back_kwh, l.fed_back_hours AS fed_back_hours, r.rating_kva AS rating_kva,
100.0 * greatest(l.peak_kw, -l.min_kw) / r.rating_kva AS utilisation_pct,
c.connected_kva AS connected_kva, l.peak_kw / c.connected_kva AS demand_factor
FROM (SELECT feeder_id, count(kw) AS interval_count, count() - count(kw) AS missing_intervals, max(kw) AS peak_kw, min(CASE WHEN kw = peak THEN ts END) AS peak_ts, avg(kw) AS mean_kw, min(kw) AS min_kw, min(CASE WHEN kw = lowest THEN ts END) AS min_ts, sum(CASE WHEN kw < 0 THEN -kw * 0.25 WHEN kw >= 0 THEN 0.0 END) AS fed_back_kwh, sum(CASE WHEN kw < 0 THEN 0.25 WHEN kw >= 0 THEN 0.0 END) AS fed_back_hours
FROM (SELECT ts, feeder_id, kw, max(kw) OVER (PARTITION BY feeder_id) AS peak, min(kw) OVER (PARTITION BY feeder_id) AS lowest
FROM (
SELECT ts, feeder_id, CASE WHEN there >= due AND unclear = 0 THEN kwh * 60.0 / 15 END AS kw
FROM (SELECT timestamp_floor('15m', ts) AS ts, feeder_id, sum(kwh) AS kwh, coalesce(sum(CASE WHEN kind = 0 THEN n END), 0) AS there, coalesce(sum(CASE WHEN kind = 1 THEN n END), 0) AS due, coalesce(sum(CASE WHEN kind = 1 THEN m END), 0) AS unclear
FROM (
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
)
WHERE feeder_id IS NOT NULL
GROUP BY timestamp_floor('15m', ts), feeder_id)
WHERE due > 0
))
GROUP BY feeder_id) l
LEFT JOIN ((SELECT null::string AS feeder_id, null::double AS rating_kva FROM long_sequence(1))) r ON r.feeder_id = l.feeder_id
LEFT JOIN (SELECT mfm.feeder_id AS feeder_id, sum(m.rated_kva) AS connected_kva
FROM (SELECT meter_id, feeder_id, valid_to, valid_from, lead(valid_from) OVER (PARTITION BY meter_id ORDER BY valid_from) AS next_from FROM meter_feeder_map) mfm
JOIN (SELECT meter_id, rated_kva, register, status, valid_from, lead(valid_from) OVER (PARTITION BY meter_id ORDER BY valid_from) AS next_from FROM meters) m ON m.meter_id = mfm.meter_id
WHERE '2024-06-09T23:59:59.999999Z'::timestamp >= mfm.valid_from AND (mfm.next_from IS NULL OR '2024-06-09T23:59:59.999999Z'::timestamp < mfm.next_from) AND (mfm.valid_to IS NULL OR '2024-06-09T23:59:59.999999Z'::timestamp < mfm.valid_to) AND '2024-06-09T23:59:59.999999Z'::timestamp >= m.valid_from AND (m.next_from IS NULL OR '2024-06-09T23:59:59.999999Z'::timestamp < m.next_from) AND (m.status IS NULL OR lower(m.status) NOT IN ('inactive', 'removed', 'retired')) AND (m.register IS NULL OR m.register != 'export')
GROUP BY feeder_id) c ON c.feeder_id = l.feeder_id
ORDER BY feeder_id;
