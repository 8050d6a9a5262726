-- One row per meter and day, one column per quarter hour (q001 to q100); 92 of them are filled when
-- summer time begins and 100 when it ends.
-- Stream: meter_usage. Sample: samples/wide-days.csv
--
-- Decided: column n is the n-th quarter hour since local midnight (Europe/Berlin), by elapsed time. Empty
-- cells are left out; a value past the end of its day has no time and is refused.
SELECT rec, utc_nth('Europe/Berlin', wall(day, '%Y-%m-%d'), num(substr(quarter, 2)), 15) AS ts, day || ' ' || quarter AS ts_text,
       meter AS meter_id,
       num(energy) AS kwh, energy AS kwh_text
FROM (UNPIVOT (FROM csv($path)) ON COLUMNS('^q\d+$') INTO NAME quarter VALUE energy)
WHERE NOT is_blank(energy)
