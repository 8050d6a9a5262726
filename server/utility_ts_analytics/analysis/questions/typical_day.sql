-- What does a typical weekday, Saturday, Sunday and holiday look like?
--
-- Columns, one row per group, type of day and slot of the local day with readings, in this order:
--   group_name   by $group; null for readings that belong to none
--   day_type     weekday, saturday, sunday or holiday, by local date and the tariff's holidays
--   local_time   start of the slot by the wall clock, HH:MM
--   mean_kw      kwh / (occurrences * hours of a slot): mean load of all of the group's meters together
--   occurrences  how many slots of that name had a reading of the group; the repeated hour of autumn is
--                two slots, the missing one of spring none
--   kwh          sum of kWh * scale factor in them
-- Null rules: a slot without any reading does not count; one in which some meters are missing does, and
-- lowers mean_kw. Ask whole local days: a slot that the period cuts counts as a whole one.
--
-- Parameters:
--   $group = 'segment'   system, feeder, segment, tariff or meter, as of the time of each reading
--   $slot_minutes = 15   length of a slot, not below that of the readings
--   $zone = 'UTC'        that of the tariff
-- Reads: meter_usage, tariff

WITH
slots AS (
  SELECT minute, day_type,
    time_bucket(minutes($slot_minutes), local) - CAST(local_day AS TIMESTAMP) AS local_time,
    minute - (local - time_bucket(minutes($slot_minutes), local)) AS occurrence
  FROM typed_days($from, $to, $zone)
),
loads AS (
  SELECT group_name, day_type, local_time, occurrence, sum(true_kwh) AS kwh
  FROM grouped_readings
  JOIN slots ON minute = date_trunc('minute', ts)
  GROUP BY ALL
)
SELECT group_name, day_type, strftime(DATE '2000-01-01' + local_time, '%H:%M') AS local_time,
  sum(kwh) / (count(*) * $slot_minutes / 60.0) AS mean_kw, count(*) AS occurrences, sum(kwh) AS kwh
FROM loads
GROUP BY group_name, day_type, loads.local_time
ORDER BY group_name, list_position(['weekday', 'saturday', 'sunday', 'holiday'], day_type), loads.local_time
