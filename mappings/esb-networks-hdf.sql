-- ESB Networks (Ireland): the half-hourly "HDF" file of the customer's account (CSV).
-- Stream: meter_usage. Sample: samples/esb-networks-hdf.csv
--
-- Decided: the time is the end of the half hour on the clock in Dublin; the interval starts 30 minutes
-- earlier, by elapsed time. The repeated hour is told by the order of the rows, newest or oldest
-- first. Mean power in kW becomes kWh. Export is stored under the serial number with -EXPORT behind it;
-- daily registers are left out, any other kind is refused.
WITH readings AS (
    SELECT *,
           id("Meter Serial Number")
               || CASE "Read Type" WHEN 'Active Import Interval (kW)' THEN '' WHEN 'Active Export Interval (kW)' THEN '-EXPORT' END AS key,
           wall("Read Date and End Time", '%d-%m-%Y %H:%M') AS local
    FROM csv($path)
    WHERE "Read Type" NOT LIKE '%Register%' OR "Read Type" IS NULL
)
SELECT rec, ts - minutes(30) AS ts, "Read Date and End Time" AS ts_text,
       key AS meter_id, "Read Type" AS meter_id_text,
       kwh(num("Read Value"), 'kW', 30) AS kwh, "Read Value" AS kwh_text,
       id(MPRN) AS premise_id
FROM by_order(readings, 'Europe/Dublin')
