-- Wiener Netze (Vienna): quarter hours of the smart meter portal (CSV with semicolons).
-- Stream: meter_usage. Sample: samples/wiener-netze.csv
--
-- Decided: the metering point stands in the name of the last column, behind "Zählpunktnummer: ". Start of
-- the quarter hour (Zeit von), local (Europe/Vienna); the repeated hour is told by the order of the rows.
-- A quarter hour without a value is left out.
WITH cells AS (
    SELECT *, split_part(heading, 'Zählpunktnummer: ', 2) AS key, wall(Datum || ' ' || "Zeit von", '%d.%m.%Y %H:%M:%S') AS local
    FROM (UNPIVOT (FROM csv($path, sep := ';')) ON COLUMNS('Zählpunktnummer') INTO NAME heading VALUE energy)
    WHERE NOT is_blank(energy)
)
SELECT rec, ts, Datum || ' ' || "Zeit von" AS ts_text, id(key) AS meter_id, num(energy, point := ',') AS kwh, energy AS kwh_text
FROM by_order(cells, 'Europe/Vienna')
