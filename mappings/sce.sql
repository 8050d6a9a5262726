-- Southern California Edison: interval usage (CSV) in blocks, each day with its own caption and header.
-- Stream: meter_usage. Sample: samples/sce.csv
--
-- Decided: below a header ("... time period") each line of several cells is a reading; captions and the
-- text on top are left out. The start counts, local (America/Los_Angeles); the repeated hour is told by
-- the order of the rows. Below "Energy Received ..." stands what was fed in: stored with -EXPORT behind
-- the meter's id. A line that cannot be read may have been a header: up to the next one nothing is stored.
-- Change: the meter's id, which stands nowhere in the file.
WITH told AS (
    SELECT rec, line, line ILIKE '%time period%' AS is_header,
           nullif(last_value(CASE WHEN line ILIKE '%time period%' THEN line
                                  WHEN gap OR cell(line, 2) IS NOT NULL AND NOT regexp_matches(line, '^"?\d') THEN '' END IGNORE NULLS)
                      OVER (ORDER BY rec), '') AS header,
           bool_or(is_header) OVER (ORDER BY rec) AS is_below,
           coalesce(lead(is_header) OVER (ORDER BY rec), false) AS is_last
    FROM lines($path)
), readings AS (
    SELECT rec, line, header, is_last,
           'CA-9' || CASE WHEN header ILIKE '%received%' THEN '-EXPORT' WHEN header ILIKE '%consumption%' THEN '' END AS key,
           wall(split_part(cell(line, 1), ' to ', 1), '%Y-%m-%d %H:%M:%S') AS local
    FROM told
    WHERE regexp_matches(line, '^"?\d') OR is_below AND NOT is_header AND cell(line, 2) IS NOT NULL
)
SELECT rec, ts, cell(line, 1) AS ts_text,
       key AS meter_id, coalesce(header, 'no header above it') AS meter_id_text,
       num(cell(line, 2)) AS kwh, cell(line, 2) AS kwh_text,
       -- With its header, so that it can be corrected and loaded; the last one keeps that from others.
       coalesce(header || chr(10), '') || line
           || CASE WHEN is_last OR header IS NOT NULL THEN chr(10) || 'time period' ELSE '' END AS raw
FROM by_order(readings, 'America/Los_Angeles')
