-- CMEP (record MEPMD01): the exchange format of Californian meter data.
-- Stream: meter_usage. Sample: samples/cmep.csv
--
-- Decided: cell 8 is the meter, 11 the unit, 12 a factor, 13 the length (MMDDHHMM), 14 the number of
-- values; triples of time, quality and value follow. Times are UTC and the end of the interval; a time
-- left empty goes on from the last one that is given. Records of other types (MEPAD01, MEPRR01, ...) and
-- values without data (quality N) are left out; what has no such type is refused, and so is a record
-- whose number of values is not that of its triples. Quality R is VALID, E is ESTIMATED.
WITH lists AS (
    SELECT rec, line, TRY_CAST(num(cell(line, 14)) AS BIGINT) AS count
    FROM lines($path)
    WHERE line LIKE 'MEPMD%' OR NOT regexp_matches(line, '^MEP[A-Z]{2}\d\d,')
), records AS (
    SELECT *, cell(line, 8) AS meter, upper(cell(line, 11)) AS unit, num(coalesce(txt(cell(line, 12)), '1')) AS factor,
           num(substr(cell(line, 13), 3, 2)) * 1440 + num(substr(cell(line, 13), 5, 2)) * 60
               + num(substr(cell(line, 13), 7, 2)) AS length,
           CASE WHEN cell(line, 1) <> 'MEPMD01' THEN 'the record is of no known type'
                WHEN coalesce(count NOT BETWEEN 0 AND 100000, true) OR cell(line, 14 + 3 * count) IS NULL OR NOT is_blank(cell(line, 15 + 3 * count))
                    OR NOT is_blank(cell(line, 17 + 3 * count)) THEN 'the number of values in cell 14 is not that of its triples' END AS refuse,
           unnest(range(CASE WHEN refuse IS NULL THEN count ELSE 1 END)) AS i
    FROM lists
), readings AS (
    SELECT *, coalesce(cell(line, 16 + 3 * i), '') AS quality, cell(line, 17 + 3 * i) AS value,
           -- In a list, so that a time that cannot be read is not one that is left empty.
           last_value(CASE WHEN NOT is_blank(cell(line, 15 + 3 * i)) THEN
                   [utc_fixed('+00:00', wall(cell(line, 15 + 3 * i), '%Y%m%d%H%M')) - minutes(i * length)] END IGNORE NULLS)
               OVER (PARTITION BY rec ORDER BY i) AS origin
    FROM records
)
SELECT rec, origin[1] + minutes((i - 1) * length) AS ts, cell(line, 15 + 3 * i) AS ts_text,
       id(meter) AS meter_id,
       kwh(num(value) * factor, unit) AS kwh, value || ' ' || unit AS kwh_text,
       CASE left(quality, 1) WHEN 'R' THEN 'VALID' WHEN 'E' THEN 'ESTIMATED' ELSE quality END AS quality_flag,
       refuse, line AS raw
FROM readings
WHERE refuse IS NOT NULL OR NOT starts_with(quality, 'N')
ORDER BY rec, i
