-- DSMR-reader (Netherlands): the export of hours (CSV), a column for each tariff.
-- Stream: meter_usage. Sample: samples/dsmr-reader.csv
--
-- Decided: energy drawn is the sum of both tariffs, exact. Energy returned and gas are not taken.
-- Change: the meter's id, which stands nowhere in the file.
SELECT rec, "Hour Start" AS ts,
       'NL-11' AS meter_id,
       num("Electricity 1 (Dutch Users: Low Tariff)") + num("Electricity 2 (Dutch Users: Normal Tariff)") AS kwh,
       "Electricity 1 (Dutch Users: Low Tariff)" || ' + ' || "Electricity 2 (Dutch Users: Normal Tariff)" AS kwh_text
FROM csv($path)
