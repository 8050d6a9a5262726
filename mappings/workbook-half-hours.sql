-- An Excel workbook (.xlsx) with two lines of text on top, mean power per half hour, and a total below.
-- Stream: meter_usage. Sample: samples/workbook-half-hours.xlsx
--
-- Decided: start of the half hour, local (Europe/Paris); the repeated hour is told by the order of the
-- rows. kW becomes kWh. Empty lines and the line with the total, which have no end, are left out.
-- Change: the meter's id, which stands nowhere in the file; the zone; skip.
WITH readings AS (
    SELECT *, 'XL-19' AS key, wall("Start", '%Y-%m-%d %H:%M:%S') AS local
    FROM workbook($path, skip := 2)
    WHERE NOT (is_blank("End") AND is_blank("Start", ['Total']))
)
SELECT rec, ts, "Start" AS ts_text, key AS meter_id, kwh(num(kW), 'kW', 30) AS kwh, kW AS kwh_text
FROM by_order(readings, 'Europe/Paris')
