-- Ameren (United States): interval usage (CSV), three lines about the customer on top.
-- Stream: meter_usage. Sample: samples/ameren.csv
--
-- Decided: the header has Usage, Units and Interval twice, first of hours, then of quarter hours; the
-- second Usage counts, which is called Usage_1. Start of the interval, local; the repeated hour is told
-- by the order of the rows. "-" means no value and is left out.
-- Change: the zone (America/Chicago in Missouri and Illinois).
WITH readings AS (
    SELECT *, id("Meter Id") AS key, wall("Start Interval Date/Time", '%m/%d/%Y %H:%M') AS local
    FROM csv($path, skip := 3)
    WHERE NOT is_blank(Usage_1, ['-'])
)
SELECT rec, ts, "Start Interval Date/Time" AS ts_text, key AS meter_id,
       kwh(num(Usage_1), Units_1) AS kwh, Usage_1 || ' ' || Units_1 AS kwh_text
FROM by_order(readings, 'America/New_York')
