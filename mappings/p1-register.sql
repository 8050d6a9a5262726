-- P1 readers and home automation: states of a register that counts on, one column for each tariff.
-- Stream: meter_usage. Sample: samples/p1-register.csv
--
-- Decided: the energy of an interval is the difference of two states, both tariffs together, and is
-- stored at the time of the earlier one; the first state is no reading. Local time (Europe/Amsterdam);
-- the repeated hour is told by the order of the rows. Where states are missing for more than the
-- interval, or the register went back (a new meter), the row is refused with the reason.
-- Change: the meter's id; 15, the minutes between two states.
WITH rows AS (
    SELECT rec, time, 'NL-12' AS key, wall(time, '%Y-%m-%d %H:%M') AS local,
           num("Import T1 kWh") + num("Import T2 kWh") AS register
    FROM csv($path)
), states AS (
    SELECT rec, time, key, ts, register FROM by_order(rows, 'Europe/Amsterdam')
)
SELECT rec, from_ts AS ts, key AS meter_id, used AS kwh, why || ' at ' || time AS refuse
FROM differences(states, minutes(15))
WHERE why IS DISTINCT FROM 'first state'
