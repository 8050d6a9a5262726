-- Home Assistant: history of energy sensors (CSV), states of registers that count on, at odd times.
-- Stream: meter_usage. Sample: samples/home-assistant-history.csv
--
-- Decided: the energy between two states is their difference, stored at the time of the earlier one; the
-- first state of a sensor is no reading. States "unavailable" and "unknown" are left out. Over an hour
-- without a state, or where the register went back, the row is refused with the reason.
-- Change: 60, the longest time between two states in minutes.
WITH states AS (
    SELECT rec, last_changed, entity_id AS key, instant(last_changed) AS ts, num(state) AS register
    FROM csv($path)
    WHERE NOT is_blank(state, ['unavailable', 'unknown'])
)
SELECT rec, from_ts AS ts, key AS meter_id, used AS kwh, why || ' at ' || last_changed AS refuse
FROM differences(states, minutes(60))
WHERE why IS DISTINCT FROM 'first state'
