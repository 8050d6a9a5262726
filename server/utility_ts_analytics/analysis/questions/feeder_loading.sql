-- How heavily is each feeder loaded: peak, mean, back-feed, load and demand factor?
--
-- From the power at its head. Columns, one row per feeder whose head has measured in the period or the 31
-- days before, ordered by feeder_id; powers are means over an interval, in kW, positive into the feeder:
--   feeder_id
--   interval_count, missing_intervals  with a power, and without: a measurement is missing, or it is not
--                    known which node is the head. All below is over those with one, and null without any
--   peak_kw, peak_ts  highest power into the feeder and the start of its first interval
--   mean_kw
--   load_factor      mean / peak, 0..1; null where either is not above 0
--   min_kw, min_ts   lowest power, and its start; below 0 where the feeder feeds back
--   fed_back_kwh, fed_back_hours  energy out of the feeder, >= 0, and for how long
--   rating_kva       as given; null if it was not
--   utilisation_pct  100 * the larger of peak and back-feed / rating: kW for kVA, as of a power factor of 1
--   connected_kva    sum of meters.rated_kva on the feeder and in service at the end of the period, without
--                    export registers, whose site has another meter; null if none is known
--   demand_factor    peak / connected load
--
-- Parameters:
--   $every = '15 minutes'  a peak is a mean over so long; the period is of whole ones
--   $head_minutes = 15     length of the measurements
--   $zone = 'UTC'          does not matter below a day
-- Reads: network_measurements

WITH
intervals AS (FROM whole_intervals($from, $to, $zone, $every)),
due AS (
  SELECT i.ts, bucket_end, feeder_id, sum(nodes) AS nodes, bool_or(unclear) AS unclear
  FROM feeder_heads CROSS JOIN intervals i
  WHERE minute = time_bucket(minutes($head_minutes), minute)
  GROUP BY ALL
),
there AS (
  SELECT i.ts, feeder_id, sum(kwh) AS kwh, sum(nodes) AS nodes
  FROM head_energy h
  JOIN intervals i ON i.minute = greatest(h.ts, $from)
  GROUP BY ALL
),
powers AS (
  SELECT d.ts, d.feeder_id, hours(bucket_end - d.ts) AS hours,
    CASE WHEN t.nodes >= d.nodes AND NOT unclear THEN kwh / hours END AS kw,
    max(kw) OVER feeder AS peak, min(kw) OVER feeder AS lowest
  FROM due d
  LEFT JOIN there t USING (ts, feeder_id)
  WINDOW feeder AS (PARTITION BY d.feeder_id)
),
loads AS (
  SELECT feeder_id, count(kw) AS interval_count, count(*) - count(kw) AS missing_intervals,
    max(kw) AS peak_kw, min(ts) FILTER (kw = peak) AS peak_ts, avg(kw) AS mean_kw,
    min(kw) AS min_kw, min(ts) FILTER (kw = lowest) AS min_ts,
    sum(greatest(-kw, 0.0) * hours) FILTER (kw IS NOT NULL) AS fed_back_kwh,
    sum(CASE WHEN kw < 0 THEN hours WHEN kw >= 0 THEN 0.0 END) AS fed_back_hours
  FROM powers
  GROUP BY feeder_id
),
connected AS (
  SELECT feeder_id, sum(rated_kva) AS connected_kva
  FROM meter_spans
  WHERE since < $to AND until >= $to AND feeder_id IS NOT NULL AND in_service AND register IS DISTINCT FROM 'export'
  GROUP BY feeder_id
)
SELECT l.feeder_id, interval_count, missing_intervals, peak_kw, peak_ts, mean_kw,
  CASE WHEN peak_kw > 0 AND mean_kw > 0 THEN mean_kw / peak_kw END AS load_factor,
  min_kw, min_ts, fed_back_kwh, fed_back_hours, rating_kva,
  100.0 * greatest(peak_kw, -min_kw) / rating_kva AS utilisation_pct,
  connected_kva, share(peak_kw, connected_kva) AS demand_factor
FROM loads l
LEFT JOIN ratings USING (feeder_id)
LEFT JOIN connected USING (feeder_id)
ORDER BY l.feeder_id
