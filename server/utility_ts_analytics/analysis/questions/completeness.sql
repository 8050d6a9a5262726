-- How many of the readings that should be there are there, meter by meter and day by day?
--
-- Columns, one row per local day and meter that was expected or sent something on it, in this order:
--   local_day    date in $zone; the first and last are as long as their parts in the period
--   meter_id
--   expected     intervals of that day in the period that start while the meter was known: 92, 96 or 100
--                quarter hours of a whole day, by the clock changes of the zone
--   present      expected intervals in which a reading starts; 0 for a meter that sent nothing
--   missing      expected - present
--   present_pct  100 * present / expected; null where nothing was expected
--   off_grid     readings that do not start with an interval
--   doubled      readings beyond the first of their interval
--   unexpected   readings of intervals in which the meter was not known
-- A meter is known by meters (unless its status is inactive, removed or retired), by meter_feeder_map if
-- meters lacks it, and for the whole period if both lack it and it sent something.
-- Intervals are counted from $from. Readings of the day = present + doubled + unexpected.
--
-- Parameters:
--   $interval_minutes = 15   of every meter
--   $zone = 'UTC'            local time of the days
-- Reads: meter_usage
-- Uses: expected_slots, sent_slots

WITH
slots AS (
  SELECT slot, CAST(to_local(slot_start(slot), $zone) AS DATE) AS local_day
  FROM (SELECT unnest(range(slots_before($to))) AS slot)
),
-- Stretches of slots of one day: a clock that goes back at midnight gives a day two.
days AS (
  SELECT local_day, min(slot) AS first_slot, max(slot) + 1 AS end_slot
  FROM (SELECT slot, local_day, slot - row_number() OVER (PARTITION BY local_day ORDER BY slot) AS stretch FROM slots)
  GROUP BY local_day, stretch
),
counts AS (
  SELECT meter_id, local_day, least(e.end_slot, d.end_slot) - greatest(e.first_slot, d.first_slot) AS expected,
    0 AS present, 0 AS off_grid, 0 AS doubled, 0 AS unexpected
  FROM expected_slots e JOIN days d ON e.first_slot < d.end_slot AND e.end_slot > d.first_slot
  UNION ALL
  SELECT s.meter_id, local_day, 0,
    count(*) FILTER (e.meter_id IS NOT NULL),
    sum(off_grid),
    coalesce(sum(readings - 1) FILTER (e.meter_id IS NOT NULL), 0),
    coalesce(sum(readings) FILTER (e.meter_id IS NULL), 0)
  FROM sent_slots s
  JOIN slots USING (slot)
  LEFT JOIN expected_slots e ON e.meter_id = s.meter_id AND slot >= e.first_slot AND slot < e.end_slot
  GROUP BY s.meter_id, local_day
),
days_of_meters AS (
  SELECT local_day, meter_id, sum(expected)::BIGINT AS expected, sum(present)::BIGINT AS present,
    sum(off_grid)::BIGINT AS off_grid, sum(doubled)::BIGINT AS doubled, sum(unexpected)::BIGINT AS unexpected
  FROM counts
  GROUP BY local_day, meter_id
)
SELECT local_day, meter_id, expected, present, expected - present AS missing,
  percent(present, expected) AS present_pct, off_grid, doubled, unexpected
FROM days_of_meters
ORDER BY local_day, meter_id
