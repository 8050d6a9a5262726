-- In which intervals did each meter send something?
--
-- Columns, one row per meter and interval with readings:
--   meter_id
--   slot      interval, counted from $from; the first is 0
--   readings  that start in it
--   off_grid  those of them that do not start with it
--
-- Parameters:
--   $interval_minutes = 15   of every meter
-- Reads: meter_usage

WITH
sent AS NOT MATERIALIZED (
  SELECT meter_id, slot_of(ts) AS slot, starts_slot(ts) AS on_grid
  FROM meter_usage
  WHERE ts >= $from AND ts < $to
),
-- Few, usually none: only intervals with such a reading have to be counted one by one.
beside AS (SELECT meter_id, slot, count(*) AS readings FROM sent WHERE NOT on_grid GROUP BY ALL),
taken AS (SELECT meter_id, slot FROM sent SEMI JOIN beside USING (meter_id, slot) WHERE on_grid)
SELECT meter_id, slot, 1 AS readings, 0 AS off_grid FROM sent ANTI JOIN beside USING (meter_id, slot) WHERE on_grid
UNION ALL
SELECT b.meter_id, b.slot, b.readings + (t.slot IS NOT NULL)::INT, b.readings
FROM beside b LEFT JOIN taken t USING (meter_id, slot)
