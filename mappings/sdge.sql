-- SDG&E (California): interval usage (CSV) with consumption, generation and net energy.
-- Stream: meter_usage, with allow_negative = true. Sample: samples/sdge.csv
--
-- Decided: net energy is stored, which is negative where more was generated than used. Start of the
-- interval, local (America/Los_Angeles), with AM and PM; the repeated hour is told by the order of the
-- rows. To keep both directions instead, write Consumption for Net, and load the file a second time
-- with Generation and -EXPORT behind the meter's number.
WITH readings AS (
    SELECT *, id("Meter Number") AS key, wall("Date" || ' ' || "Start Time", '%m/%d/%Y %I:%M %p') AS local
    FROM csv($path)
)
SELECT rec, ts, "Date" || ' ' || "Start Time" AS ts_text, key AS meter_id, num(Net) AS kwh, Net AS kwh_text
FROM by_order(readings, 'America/Los_Angeles')
