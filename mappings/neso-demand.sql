-- NESO (Great Britain): historic demand data, a date and a settlement period (CSV).
-- Stream: generation_output. Sample: samples/neso-demand.csv
--
-- Decided: period n is the n-th half hour since local midnight in London, by elapsed time: 46, 48 or 50
-- a day. National demand ND is stored as plant GB, in MW.
SELECT rec, utc_nth('Europe/London', wall(SETTLEMENT_DATE, '%d-%b-%Y'), num(SETTLEMENT_PERIOD), 30) AS ts,
       SETTLEMENT_DATE || ', period ' || SETTLEMENT_PERIOD AS ts_text,
       'GB' AS plant_id,
       num(ND) AS mw, ND AS mw_text
FROM csv($path)
