-- EDC (Czechia): quarter hours of shared electricity, a column for each meter (CSV with semicolons).
-- Stream: meter_usage. Sample: samples/edc-czechia.csv
--
-- Decided: start of the quarter hour (Cas od), local (Europe/Prague); the repeated hour is told by the
-- order of the rows. The meter's id is the column's name as it stands: EAN and -D (drawn) or -E (fed in).
-- Rows end with a semicolon that the header lacks: ragged.
WITH cells AS (
    SELECT *, meter AS key, wall(Datum || ' ' || "Cas od", '%d.%m.%Y %H:%M') AS local
    FROM (UNPIVOT (FROM csv($path, sep := ';', ragged := true)) ON COLUMNS('^\d+-') INTO NAME meter VALUE energy)
    WHERE NOT is_blank(energy)
)
SELECT rec, ts, Datum || ' ' || "Cas od" AS ts_text, key AS meter_id, num(energy, point := ',') AS kwh, energy AS kwh_text
FROM by_order(cells, 'Europe/Prague')
