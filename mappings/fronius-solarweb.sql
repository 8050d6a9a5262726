-- Fronius Solar.web: energy every five minutes (CSV), a row of units below the header.
-- Stream: meter_usage. Sample: samples/fronius-solarweb.csv
--
-- Decided: the record that begins with "[" holds the unit of each column, and each value is converted by
-- it. Start of the interval, local (Europe/Vienna); the repeated hour is told by the order of the rows.
-- Energy drawn is one meter, energy fed in another, with -EXPORT behind it. Empty cells are left out.
-- Change: the meter's id and the zone, which stand nowhere in the file.
WITH records AS (
    SELECT *, coalesce("Date and time", '') LIKE '[%' AS is_units,
           array_to_string(list_transform([*COLUMNS(* EXCLUDE rec)], lambda x: '"' || replace(coalesce(x, ''), '"', '""') || '"'), ',') AS record
    FROM csv($path)
), cells AS (
    SELECT * FROM (UNPIVOT records ON COLUMNS('grid') INTO NAME direction VALUE energy)
), units AS (
    SELECT direction, first(trim(energy, '[]') ORDER BY rec) AS unit, first(record ORDER BY rec) AS units_record
    FROM cells
    WHERE is_units
    GROUP BY direction
), readings AS (
    SELECT cells.rec, cells."Date and time" AS label, direction, cells.energy, unit, concat_ws(chr(10), units_record, record) AS raw,
           'FR-53' || CASE WHEN direction LIKE '%fed into%' THEN '-EXPORT' ELSE '' END AS key,
           wall(cells."Date and time", '%d.%m.%Y %H:%M') AS local
    FROM cells LEFT JOIN units USING (direction)
    WHERE NOT is_units
)
SELECT rec, ts, label AS ts_text, key AS meter_id, kwh(num(energy), unit) AS kwh, concat_ws(' ', energy, unit) AS kwh_text,
       raw -- with the units, so that it can be corrected and loaded
FROM by_order(readings, 'Europe/Vienna')
ORDER BY rec
