-- ERCOT (Texas): actual system load by hour (CSV), the end of the hour on the wall and a flag.
-- Stream: generation_output. Sample: samples/ercot-load.csv
--
-- Decided: TimeEnding is the end of the hour as the clock on the wall shows it, up to 24:00; the hour
-- starts one hour earlier on the wall (America/Chicago). DSTFlag Y marks the second pass of the
-- repeated hour. Load in MW is stored as one plant.
-- Change: the plant's id.
SELECT rec, utc_pass('America/Chicago', wall(DeliveryDate || ' ' || TimeEnding, '%m/%d/%Y %H:%M') - minutes(60), DSTFlag = 'Y') AS ts,
       DeliveryDate || ' ' || TimeEnding || ' ' || DSTFlag AS ts_text,
       'GRID-1' AS plant_id,
       num(Load, groups := ',') AS mw, Load AS mw_text
FROM csv($path)
