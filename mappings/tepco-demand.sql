-- encoding: cp932
-- TEPCO and other Japanese grid operators: demand of a day (CSV in Shift-JIS), several tables in one file.
-- Stream: generation_output. Sample: samples/tepco-demand.csv
--
-- Decided: only the hourly table is taken, below the header with 予測値; the table of five minutes below
-- it, summaries and headers are left out. 万kW are 10 MW. Hours that have not come yet have 0 and are left
-- out. Start of the hour, Asia/Tokyo. A line that cannot be read, or has no digit in front, may have been a
-- header: up to the next one nothing is stored.
-- Change: the plant's id.
WITH marked AS (
    SELECT rec, line, gap, regexp_matches(line, '^DATE,TIME|万kW|時間帯') AS is_header,
           line SIMILAR TO '\d+/\d+/\d+,\d+:\d+,.*' AS is_time
    FROM lines($path)
), told AS (
    SELECT *, last_value(CASE WHEN is_header THEN line WHEN gap OR NOT regexp_matches(line, '^\d') THEN '' END IGNORE NULLS) OVER (ORDER BY rec) AS header,
           coalesce(lead(is_header) OVER (ORDER BY rec), false) AS is_last
    FROM marked
), tables AS (
    SELECT *, CASE WHEN header LIKE 'DATE,TIME,%予測値%' OR header = 'DATE,TIME,HOURS' THEN 'hours'
                   WHEN header LIKE '%分間隔%' THEN 'minutes'
                   WHEN header NOT LIKE 'DATE,TIME%' AND header <> '' THEN 'summary' ELSE 'unknown' END AS kind,
           lag(kind) OVER (ORDER BY rec) AS kind_above
    FROM told
)
SELECT rec, CASE kind WHEN 'hours' THEN utc('Asia/Tokyo', wall(cell(line, 1) || ' ' || cell(line, 2), '%Y/%m/%d %H:%M')) END AS ts,
       concat_ws(' ', cell(line, 1), cell(line, 2)) AS ts_text,
       'TOKYO' AS plant_id,
       num(cell(line, 3)) * 10 AS mw, cell(line, 3) AS mw_text,
       CASE kind WHEN 'unknown' THEN 'it stands below no header that can be read' END AS refuse,
       -- Below a header of its table, so that it can be corrected and loaded; the last one keeps that from others.
       CASE WHEN kind = 'hours' OR kind_above = 'hours' AND NOT gap THEN 'DATE,TIME,HOURS' || chr(10) ELSE '' END || line
           || CASE WHEN is_last OR kind = 'hours' THEN chr(10) || 'DATE,TIME' ELSE '' END AS raw
FROM tables
WHERE NOT is_header AND (kind = 'hours' OR is_time AND kind <> 'minutes' OR kind = 'unknown' AND header IS NOT NULL)
  AND cell(line, 3) IS DISTINCT FROM '0'
