-- What goes into each feeder in every interval, what is taken, what is lost?
--
--   supplied + generation = demand + loss      kWh
--
-- Columns, one row per interval and feeder that a meter or plant is mapped to then, or whose head has
-- measured in the period or the 31 days before, ordered by ts, feeder_id:
--   ts, feeder_id, interval_minutes  start of the interval, UTC, and its length
--   supplied_kwh     energy through the head, mean power * hours; below 0 where the feeder feeds back. Null
--                    unless every measurement of the interval is there and it is known which node is the head
--   generation_kwh   of the plants on it; 0 without any; null unless each one in service is known throughout
--   demand_kwh       of the meters on it, kWh * scale factor; below 0 where they feed in more than they draw.
--                    Missing readings are not made up for. Null where none is there, or none is due
--   loss_kwh         supplied + generation - demand; null where one of them is
--   loss_pct         of supplied + generation; null where that is not above 0
--   coverage_pct     100 * present / expected readings; null where none is due. Due is one per meter that is
--                    mapped to the feeder and in service, at the start of each $meter_minutes
--   estimated_pct    100 * estimated / present readings; null where none is there
--   expected_readings, present_readings, estimated_readings
--   head_nodes_unclear  several nodes measure, and the head is not given (--head)
--   plants_missing      a plant in service is not known throughout
--   topology_events     events of the interval that touch the feeder
--   scale_changed       a scale factor of a meter on it starts or ends in the interval or the 7 days before
--
-- Parameters:
--   $every = '15 minutes'  length of an interval; the period is of whole ones
--   $zone = 'UTC'          local time, for intervals of a day
--   $meter_minutes = 15    length of the readings of meters
--   $plant_minutes = 15    of plants
--   $head_minutes = 15     of the measurements of heads
--   $estimated_flags = ['ESTIMATED', 'ESTIMATE', 'EST', 'E', 'SUBSTITUTED', 'SUBSTITUTE', 'SUB', 'S']
--                          what counts as estimated, in any case
-- Reads: meter_usage, generation_output, network_measurements

WITH
intervals AS (FROM whole_intervals($from, $to, $zone, $every)),

meters_read AS (
  SELECT i.ts, feeder_id, sum(true_kwh) AS kwh,
    count(*) FILTER (counts) AS present, count(*) FILTER (counts AND estimated) AS estimated
  FROM (
    SELECT *, in_service AND kwh IS NOT NULL AND ts = time_bucket(minutes($meter_minutes), ts) AS counts
    FROM readings
    WHERE feeder_id IS NOT NULL
  ) r
  JOIN intervals i ON i.minute = date_trunc('minute', r.ts)
  GROUP BY ALL
),
-- Spans that cover the same part of the period are one before they meet its slots: usually one a feeder.
meters_due AS (
  SELECT i.ts, feeder_id, sum(meters) AS expected
  FROM (
    SELECT feeder_id, greatest(since, $from) AS since, least(until, $to) AS until,
      count(*) FILTER (in_service) AS meters
    FROM meter_spans
    WHERE feeder_id IS NOT NULL AND since < $to AND until > $from
    GROUP BY ALL
  ) s
  JOIN intervals i ON minute >= since AND minute < until
  WHERE minute = time_bucket(minutes($meter_minutes), minute)
  GROUP BY ALL
),
plants_known AS (
  SELECT i.ts, s.feeder_id, sum(p.mw) * 1000.0 * $plant_minutes / 60.0 AS kwh,
    count(*) FILTER (s.in_service AND (p.units_seen IS NULL OR p.units_seen >= coalesce(s.units, 1))) AS plants
  FROM plant_power p
  JOIN plant_spans s ON s.plant_id = p.plant_id AND p.ts >= s.since AND p.ts < s.until
  JOIN intervals i ON i.minute = greatest(p.ts, $from)
  WHERE s.feeder_id IS NOT NULL
  GROUP BY ALL
),
plants_due AS (
  SELECT i.ts, feeder_id, count(*) FILTER (in_service) AS plants
  FROM plant_spans s
  JOIN intervals i ON minute >= since AND minute < until
  WHERE feeder_id IS NOT NULL AND minute = time_bucket(minutes($plant_minutes), minute)
  GROUP BY ALL
),
head AS (
  SELECT i.ts, feeder_id, sum(kwh) AS kwh, sum(nodes) AS nodes
  FROM head_energy h
  JOIN intervals i ON i.minute = greatest(h.ts, $from)
  GROUP BY ALL
),
head_due AS (
  SELECT i.ts, feeder_id, sum(nodes) AS nodes, bool_or(unclear) AS unclear
  FROM feeder_heads
  CROSS JOIN intervals i
  WHERE minute = time_bucket(minutes($head_minutes), minute)
  GROUP BY ALL
),
switchings AS (
  SELECT i.ts, feeder_id, count(*) AS events
  FROM (
    SELECT ts, unnest(list_distinct([from_feeder_id, to_feeder_id, CASE WHEN element_type = 'feeder' THEN element_id END])) AS feeder_id
    FROM topology_events
    WHERE ts >= $from AND ts < $to
  ) e
  JOIN intervals i ON i.minute = date_trunc('minute', e.ts)
  GROUP BY ALL
),
new_scales AS (
  SELECT DISTINCT i.ts, s.feeder_id
  FROM (SELECT meter_id, unnest([valid_from, valid_to]) AS changed FROM meter_scale_map) c
  JOIN meter_spans s ON s.meter_id = c.meter_id AND changed >= s.since AND changed < s.until
  JOIN (SELECT DISTINCT ts, bucket_end FROM intervals) i ON changed < bucket_end AND changed >= i.ts - INTERVAL 7 days
  WHERE changed >= $from - INTERVAL 7 days AND changed < $to
),
keys AS (
  SELECT ts, feeder_id FROM meters_read UNION SELECT ts, feeder_id FROM meters_due
  UNION SELECT ts, feeder_id FROM plants_known UNION SELECT ts, feeder_id FROM plants_due
  UNION SELECT ts, feeder_id FROM head UNION SELECT ts, feeder_id FROM head_due
),
known AS (
  SELECT ts, feeder_id, (epoch(bucket_end - ts) / 60)::INT AS interval_minutes,
    CASE WHEN hd.nodes > 0 AND NOT hd.unclear AND h.nodes >= hd.nodes THEN h.kwh END AS supplied_kwh,
    CASE WHEN coalesce(p.plants, 0) >= coalesce(pd.plants, 0) THEN coalesce(p.kwh, 0.0) END AS generation_kwh,
    CASE WHEN md.expected > 0 THEN m.kwh END AS demand_kwh,
    coalesce(md.expected, 0)::BIGINT AS expected_readings,
    coalesce(m.present, 0) AS present_readings,
    coalesce(m.estimated, 0) AS estimated_readings,
    coalesce(hd.unclear, false) AS head_nodes_unclear,
    coalesce(p.plants, 0) < coalesce(pd.plants, 0) AS plants_missing,
    coalesce(t.events, 0) AS topology_events,
    s.ts IS NOT NULL AS scale_changed
  FROM keys k
  JOIN (SELECT DISTINCT ts, bucket_end FROM intervals) i USING (ts)
  LEFT JOIN meters_read m USING (ts, feeder_id)
  LEFT JOIN meters_due md USING (ts, feeder_id)
  LEFT JOIN plants_known p USING (ts, feeder_id)
  LEFT JOIN plants_due pd USING (ts, feeder_id)
  LEFT JOIN head h USING (ts, feeder_id)
  LEFT JOIN head_due hd USING (ts, feeder_id)
  LEFT JOIN switchings t USING (ts, feeder_id)
  LEFT JOIN new_scales s USING (ts, feeder_id)
)
SELECT ts, feeder_id, interval_minutes, supplied_kwh, generation_kwh, demand_kwh,
  supplied_kwh + generation_kwh - demand_kwh AS loss_kwh,
  percent(loss_kwh, supplied_kwh + generation_kwh) AS loss_pct,
  percent(present_readings, expected_readings) AS coverage_pct,
  percent(estimated_readings, present_readings) AS estimated_pct,
  expected_readings, present_readings, estimated_readings,
  head_nodes_unclear, plants_missing, topology_events, scale_changed
FROM known
ORDER BY ts, feeder_id
