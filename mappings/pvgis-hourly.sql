-- PVGIS (European Commission): hourly power of a photovoltaic system (CSV), text above and below.
-- Stream: generation_output. Sample: samples/pvgis-hourly.csv
--
-- Decided: times are UTC, as the file has them (the minute is that of the satellite's image). Text, which
-- has no digit in front and less than three cells, and the header are left out. W become MW.
-- Change: the plant's id. Cell 2 is P, which is there if the system's power was asked for.
SELECT rec, utc_fixed('+00:00', wall(cell(line, 1), '%Y%m%d:%H%M')) AS ts, cell(line, 1) AS ts_text,
       'PV-51' AS plant_id,
       mw(num(cell(line, 2)), 'W') AS mw, cell(line, 2) AS mw_text,
       'SOLAR' AS fuel_type,
       line AS raw
FROM lines($path)
WHERE (regexp_matches(line, '^\d') OR cell(line, 3) IS NOT NULL) AND line NOT LIKE 'time,%'
