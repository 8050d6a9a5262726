-- "Hour ending" files of North American grid operators: a date and the number of the hour, 1 to 24;
-- 23 or 25 hours on the days when the clocks change (CSV).
-- Stream: meter_usage. Sample: samples/hour-ending.csv
--
-- Decided: hour n is the n-th hour that passed since local midnight, so that hour 25 is the last one of
-- a day of 25 hours. Check this with a file of such a day: operators that number by the clock and flag
-- the repeated hour need utc_pass() instead (ercot-load.sql).
-- Change: the zone.
SELECT rec, utc_nth('America/Chicago', wall("Delivery Date", '%m/%d/%Y'), num("Hour Ending"), 60) AS ts,
       "Delivery Date" || ', hour ' || "Hour Ending" AS ts_text,
       id(Meter) AS meter_id,
       num(Load) AS kwh, Load AS kwh_text
FROM csv($path)
