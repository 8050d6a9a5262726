-- ENTSO-E transparency platform: "Actual Generation per Production Type", exported for the web (CSV).
-- Stream: generation_output. Sample: samples/entsoe-generation.csv
--
-- Decided: MTU has start and end in UTC, the start counts. One reading for each cell that has a value;
-- n/e, "-", N/A and empty cells are left out. The plant is the area, the unit the kind of generation.
SELECT rec, utc_fixed('+00:00', wall(split_part(MTU, ' - ', 1), '%d.%m.%Y %H:%M')) AS ts, MTU AS ts_text,
       Area AS plant_id, txt(split_part(kind, ' - ', 1)) AS unit_id,
       num(power) AS mw, power AS mw_text
FROM (UNPIVOT (FROM csv($path)) ON COLUMNS('\[MW\]') INTO NAME kind VALUE power)
WHERE NOT is_blank(power, ['n/e', 'N/A', '-'])
