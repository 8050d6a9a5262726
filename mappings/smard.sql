-- SMARD (German grid agency): generation by type, a column for each (CSV with semicolons).
-- Stream: generation_output. Sample: samples/smard.csv
--
-- Decided: start of the hour, local (Europe/Berlin); the repeated hour is told by the order of the
-- rows. Points part thousands, the comma is the decimal sign, "-" means no value and is left out. The
-- unit is the column's name up to " [MWh]". MWh of an hour are its mean MW.
-- Change: the plant's id; 60 into 15 for files of quarter hours.
WITH cells AS (
    SELECT *, regexp_extract(kind, '^(.*?) \[MWh\]', 1) AS key, wall("Datum von", '%d.%m.%Y %H:%M') AS local
    FROM (UNPIVOT (FROM csv($path, sep := ';')) ON COLUMNS('\[MWh\]') INTO NAME kind VALUE energy)
    WHERE NOT is_blank(energy, ['-'])
)
SELECT rec, ts, "Datum von" AS ts_text,
       'DE' AS plant_id, key AS unit_id,
       mw(num(energy, point := ',', groups := '.'), 'MWh', 60) AS mw, energy AS mw_text
FROM by_order(cells, 'Europe/Berlin')
