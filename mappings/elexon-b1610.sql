-- Elexon (Great Britain): B1610, output of each generating unit (JSON document of the Insights API).
-- Stream: generation_output, with allow_negative = true. Sample: samples/elexon-b1610.json
--
-- Decided: settlement date and period count: period n is the n-th half hour since local midnight in
-- London, by elapsed time. A period that the day does not have is refused. MWh of a half hour become mean MW; units that
-- draw power are negative.
SELECT utc_nth('Europe/London', wall(u->>'settlementDate', '%Y-%m-%d'), num(u->>'settlementPeriod'), 30) AS ts,
       (u->>'settlementDate') || ', period ' || (u->>'settlementPeriod') AS ts_text,
       u->>'bmUnit' AS plant_id,
       mw(num(u->>'quantity'), 'MWh', 30) AS mw
FROM (SELECT unnest(j->'$.data[*]') AS u FROM json_document($path))
