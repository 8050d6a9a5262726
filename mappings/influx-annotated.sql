-- InfluxDB: annotated CSV, blocks with comment lines and a header each.
-- Stream: meter_usage. Sample: samples/influx-annotated.csv
--
-- Decided: comments, headers and rows of other fields than kwh are left out; a reading begins with two
-- commas, any other line is refused. Columns must stand in the same order in all blocks.
-- Change: the numbers of the cells, the name of the field.
SELECT rec, cell(line, 6) AS ts,
       cell(line, 9) AS meter_id,
       cell(line, 7) AS kwh,
       CASE WHEN line NOT LIKE ',,%' THEN 'the line is no row of annotated CSV' END AS refuse,
       line AS raw
FROM lines($path)
WHERE NOT regexp_matches(line, '^(#|,result,)') AND NOT (line LIKE ',,%' AND coalesce(cell(line, 8), 'kwh') <> 'kwh')
