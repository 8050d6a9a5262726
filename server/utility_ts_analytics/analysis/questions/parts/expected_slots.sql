-- Which intervals are expected of which meter?
--
-- Columns, one row per meter and stretch of time in which it was known; stretches never overlap:
--   meter_id
--   first_slot, end_slot  intervals counted from $from, the first is 0; end_slot is not in it
-- An interval counts if it starts while the meter was known; completeness defines "known".
--
-- Parameters:
--   $interval_minutes = 15   of every meter
-- Reads: meter_usage

WITH known AS (
  SELECT meter_id, greatest(since, $from) AS since, least(until, $to) AS until
  FROM meter_spans
  WHERE expected AND since < $to AND until > $from
)
SELECT meter_id, slots_before(since) AS first_slot, slots_before(until) AS end_slot
FROM known
WHERE slots_before(since) < slots_before(until)
UNION ALL
SELECT DISTINCT meter_id, 0, slots_before($to)
FROM meter_usage
WHERE ts >= $from AND ts < $to AND meter_id NOT IN (SELECT meter_id FROM meter_spans WHERE expected IS NOT NULL)
