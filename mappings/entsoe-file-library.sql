-- ENTSO-E file library: generation per production type, a row for each area and type (tabs, although
-- the name ends in .csv).
-- Stream: generation_output. Sample: samples/entsoe-file-library.csv
--
-- Decided: times are UTC, start of the interval. MW is a mean, so that quarter hours and hours may
-- stand side by side. Unit and fuel are the production type. Rows without a value are left out.
SELECT rec, utc_fixed('+00:00', wall("DateTime(UTC)", '%Y-%m-%d %H:%M:%S')) AS ts, "DateTime(UTC)" AS ts_text,
       AreaMapCode AS plant_id, ProductionType AS unit_id, ProductionType AS fuel_type,
       num("ActualGenerationOutput[MW]") AS mw, "ActualGenerationOutput[MW]" AS mw_text
FROM csv($path, sep := '\t')
WHERE NOT is_blank("ActualGenerationOutput[MW]")
