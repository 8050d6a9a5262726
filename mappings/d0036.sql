-- D0036 (Great Britain): validated half-hourly advances (pipes, no header).
-- Stream: meter_usage. Sample: samples/d0036.dat
--
-- Decided: 026 names the meter point, 027 the quantity, 028 the day; the n-th record 029 below a day is
-- its n-th half hour, by elapsed time in London; one without quality and value only holds its place. AI
-- (import) is stored under the meter point's number, AE (export) with -EXPORT behind it; reactive
-- quantities (RI, RE) are left out. The flag is the quality. A line that cannot be read, or is no
-- record of these, may have named another meter point: up to the next 026 nothing below it is stored.
WITH records AS (
    SELECT rec, line, gap, cell(line, 1, sep := '|') AS type, cell(line, 2, sep := '|') AS first, cell(line, 3, sep := '|') AS second,
           type IN ('026', 'ZHV', 'ZHF', 'ZHD', 'ZPT') AS begins, type IN ('027', '028', '029') AS follows
    FROM lines($path)
), told AS (
    SELECT *, -- '' is what has been told for others and not for these
           last_value(CASE WHEN type = '026' THEN line WHEN begins THEN '' END IGNORE NULLS) OVER so_far AS point,
           last_value(CASE WHEN type = '027' THEN line WHEN begins THEN '' END IGNORE NULLS) OVER so_far AS quantity,
           last_value(CASE WHEN type = '028' THEN line WHEN begins OR type = '027' THEN '' END IGNORE NULLS) OVER so_far AS day,
           last_value(CASE WHEN begins OR type IN ('027', '028') THEN rec END IGNORE NULLS) OVER so_far AS day_rec,
           coalesce(last_value(CASE WHEN begins THEN false WHEN gap OR NOT follows THEN true END IGNORE NULLS) OVER so_far, false) AS lost
    FROM records
    WINDOW so_far AS (ORDER BY rec)
), counted AS (
    SELECT *, count(*) FILTER (type = '029') OVER (PARTITION BY day_rec ORDER BY rec) AS period,
           lost AND (gap OR lag(lost, 1, false) OVER (ORDER BY rec)) AS lost_above,
           coalesce(lead(type) OVER (ORDER BY rec) = '026', false) AS is_last,
           cell(point, 2, sep := '|') AS mpan, cell(quantity, 2, sep := '|') AS kind, cell(day, 2, sep := '|') AS date
    FROM told
)
SELECT rec, utc_nth('Europe/London', wall(date, '%Y%m%d'), period, 30) AS ts, date || ', period ' || period AS ts_text,
       mpan || CASE kind WHEN 'AI' THEN '' WHEN 'AE' THEN '-EXPORT' END AS meter_id, kind AS meter_id_text,
       num(second) AS kwh, second AS kwh_text,
       first AS quality_flag,
       CASE WHEN lost_above THEN 'a line above it, which may have named another meter point, cannot be read'
            WHEN lost THEN 'the record is none of 026, 027, 028 and 029' END AS refuse,
       -- With what was told above it, so that it can be corrected and loaded; an end keeps that from others.
       CASE WHEN lost_above THEN line ELSE concat_ws(chr(10), nullif(point, ''), nullif(quantity, ''), nullif(day, ''),
            repeat('029||' || chr(10), period - (type = '029')::INT) || line) END
           || CASE WHEN is_last OR NOT lost THEN chr(10) || 'ZPT|' ELSE '' END AS raw
FROM counted
WHERE lost OR type = '029' AND kind IS DISTINCT FROM 'RI' AND kind IS DISTINCT FROM 'RE' AND (first <> '' OR second IS DISTINCT FROM '')
