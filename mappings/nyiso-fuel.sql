-- NYISO: real-time fuel mix (CSV), local time beside a column with the zone's name.
-- Stream: generation_output. Sample: samples/nyiso-fuel.csv
--
-- Decided: the zone's name counts (EST, EDT), so that the repeated hour needs no guess. The time is
-- taken as the file has it. Plant NY, unit and fuel are the category.
SELECT rec, utc_named("Time Zone", wall("Time Stamp", '%m/%d/%Y %H:%M:%S')) AS ts,
       "Time Stamp" || ' ' || "Time Zone" AS ts_text,
       'NY' AS plant_id, "Fuel Category" AS unit_id, "Fuel Category" AS fuel_type,
       num("Gen MW") AS mw, "Gen MW" AS mw_text
FROM csv($path)
