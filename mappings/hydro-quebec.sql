-- encoding: windows-1252
-- Hydro-Québec: hourly consumption of a contract (CSV with semicolons), a column for each price.
-- Stream: meter_usage. Sample: samples/hydro-quebec.csv
--
-- Decided: kWh is the sum of both columns (low and high price). Start of the hour, local
-- (America/Toronto, the zone of Montréal); the repeated hour is told by the order of the rows. R is
-- VALID, any other code stays as it is. An hour without values is left out.
WITH readings AS (
    SELECT *, id(Contrat) AS key, wall("Date et heure", '%Y-%m-%d %H:%M:%S') AS local
    FROM csv($path, sep := ';')
    WHERE NOT (is_blank("kWh bas") AND is_blank("kWh Haut"))
)
SELECT rec, ts, "Date et heure" AS ts_text,
       key AS meter_id,
       num("kWh bas", point := ',') + num("kWh Haut", point := ',') AS kwh, "kWh bas" || ' + ' || "kWh Haut" AS kwh_text,
       CASE "Code de consommation" WHEN 'R' THEN 'VALID' ELSE "Code de consommation" END AS quality_flag
FROM by_order(readings, 'America/Toronto')
