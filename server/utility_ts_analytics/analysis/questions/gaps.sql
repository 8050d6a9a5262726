-- When did which meter send nothing?
--
-- Columns, one row per gap, ordered by meter_id, gap_start:
--   meter_id
--   gap_start  start of the first missing interval, UTC
--   gap_end    end of the last missing one, UTC
--   missing    expected intervals without a reading; fewer than fit between the two where the meter was
--              not known for a part in between
--   place      inside (between two readings of the period), start (before the first one), end (after the
--              last one) or all (the meter sent nothing in the period)
-- Intervals and meters are expected as in completeness, so that missing adds up to the same. Nothing is
-- said of gaps before the period or after it.
--
-- Parameters:
--   $interval_minutes = 15   of every meter
-- Reads: meter_usage
-- Uses: expected_slots, sent_slots

WITH
-- Blocks of 96 intervals that lack one: only those are looked through interval by interval.
blocks AS (
  SELECT unnest(range(0, slots_before($to), 96)) AS first_slot,
    least(first_slot + 96, slots_before($to)) AS end_slot
),
full_blocks AS (
  SELECT meter_id, slot // 96 * 96 AS first_slot
  FROM sent_slots
  GROUP BY ALL
  HAVING count(*) = least(96, slots_before($to) - first_slot)
),
thin_blocks AS (
  SELECT meter_id, first_slot, end_slot
  FROM (SELECT DISTINCT meter_id FROM expected_slots) CROSS JOIN blocks
  ANTI JOIN full_blocks USING (meter_id, first_slot)
),
there AS (
  SELECT s.meter_id, s.slot FROM sent_slots s
  SEMI JOIN thin_blocks b ON b.meter_id = s.meter_id AND b.first_slot = s.slot // 96 * 96
),
silent AS (
  SELECT meter_id, slot
  FROM (SELECT meter_id, unnest(range(first_slot, end_slot)) AS slot FROM thin_blocks)
  ANTI JOIN there USING (meter_id, slot)
),
-- Slots that follow each other without a reading have the same difference to their number.
silences AS (
  SELECT s.meter_id, s.slot, e.meter_id IS NOT NULL AS expected,
    s.slot - row_number() OVER (PARTITION BY s.meter_id ORDER BY s.slot) AS silence
  FROM silent s
  LEFT JOIN expected_slots e ON e.meter_id = s.meter_id AND s.slot >= e.first_slot AND s.slot < e.end_slot
)
SELECT meter_id, slot_start(min(slot) FILTER (expected)) AS gap_start,
  slot_start(max(slot) FILTER (expected) + 1) AS gap_end,
  count(*) FILTER (expected) AS missing,
  CASE WHEN count(*) = slots_before($to) THEN 'all' WHEN min(slot) = 0 THEN 'start'
       WHEN max(slot) + 1 = slots_before($to) THEN 'end' ELSE 'inside' END AS place
FROM silences
GROUP BY meter_id, silence
HAVING missing > 0
ORDER BY meter_id, gap_start
