-- encoding: windows-1252
-- Enedis (France): a workbook of half hours saved as CSV by a spreadsheet, in Windows-1252.
-- Stream: meter_usage. Sample: samples/enedis-spreadsheet.csv
--
-- Decided: start of the half hour, local (Europe/Paris); the repeated hour is told by the order of the
-- rows. Mean power in kW becomes kWh. Empty lines and those with a total (Periode ...), which have no end
-- (Fin), are left out.
-- Change: the meter's id, which stands nowhere in the file.
WITH readings AS (
    SELECT *, 'FR-27' AS key, wall("Début", '%d/%m/%Y %H:%M:%S') AS local
    FROM csv($path, sep := ';')
    WHERE NOT (is_blank(Fin) AND (is_blank("Début") OR "Début" ILIKE 'P_riode%'))
)
SELECT rec, ts, "Début" AS ts_text, key AS meter_id,
       kwh(num("Valeur (en Kw)", point := ','), 'kW', 30) AS kwh, "Valeur (en Kw)" AS kwh_text
FROM by_order(readings, 'Europe/Paris')
