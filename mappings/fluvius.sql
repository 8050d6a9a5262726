-- Fluvius (Flanders): quarter-hour totals (CSV with semicolons), one row for each register.
-- Stream: meter_usage. Sample: samples/fluvius.csv
--
-- Decided: start of the interval, local (Europe/Brussels); the repeated hour is told by the order of
-- the rows. Day and night registers of one direction are one meter; what is fed in (Injectie) is stored
-- under the meter's number with -EXPORT behind it. The EAN is the premise. A row whose state is
-- "Geen verbruik" and that has no volume is left out.
WITH readings AS (
    SELECT *,
           id(Meter) || CASE WHEN Register LIKE 'Afname%' THEN ''
                             WHEN Register LIKE 'Injectie%' THEN '-EXPORT' END AS key,
           wall("Van (datum)" || ' ' || "Van (tijdstip)", '%d-%m-%Y %H:%M:%S') AS local
    FROM csv($path, sep := ';')
    WHERE NOT (is_blank(Volume) AND Validatiestatus = 'Geen verbruik')
)
SELECT rec, ts, "Van (datum)" || ' ' || "Van (tijdstip)" AS ts_text,
       key AS meter_id, Register AS meter_id_text,
       kwh(num(Volume, point := ','), Eenheid) AS kwh, Volume || ' ' || Eenheid AS kwh_text,
       id("EAN-code") AS premise_id,
       Validatiestatus AS quality_flag
FROM by_order(readings, 'Europe/Brussels')
