-- PG&E (California): "Green Button" download as CSV, lines about the customer on top.
-- Stream: meter_usage. Sample: samples/pge.csv
--
-- Decided: start of the interval, local (America/Los_Angeles); the repeated hour is told by the order
-- of the rows. Rows of gas are left out, and so are rows without a value; other types are refused.
-- Change: the meter's id, which stands nowhere in the file.
WITH readings AS (
    SELECT *, CASE "TYPE" WHEN 'Electric usage' THEN 'PG-34' END AS key, wall("DATE" || ' ' || "START TIME", '%Y-%m-%d %H:%M') AS local
    FROM csv($path, skip := 5)
    WHERE NOT is_blank(USAGE) AND ("TYPE" NOT ILIKE '%gas%' OR "TYPE" IS NULL)
)
SELECT rec, ts, "DATE" || ' ' || "START TIME" AS ts_text, key AS meter_id, "TYPE" AS meter_id_text,
       kwh(num(USAGE), UNITS) AS kwh, USAGE || ' ' || UNITS AS kwh_text
FROM by_order(readings, 'America/Los_Angeles')
