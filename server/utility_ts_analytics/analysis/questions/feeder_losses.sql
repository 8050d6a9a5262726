-- How much does each feeder lose in the period, as measured and without gaps?
--
-- Columns, one row per feeder, ordered by feeder_id. Energies are sums over the intervals whose loss is
-- known (as in feeder_balance), null if it is in none:
--   feeder_id
--   interval_count, known_intervals  all of the period, and those whose loss is known
--   supplied_kwh, generation_kwh, demand_kwh
--   measured_loss_kwh     supplied + generation - demand; readings that are missing count as 0
--   measured_loss_pct     of supplied + generation; null where that is not above 0
--   coverage_pct          100 * readings there / due
--   unread_estimated_kwh  energy of missing readings, if each meter took as much in them as in its own mean
--                         reading of the period; a meter without any, as the mean of its feeder. Gaps in
--                         intervals whose loss is not known are left out in proportion
--   estimated_loss_kwh, estimated_loss_pct  measured less that, and its share of supplied + generation
-- Neither separates theft and unmetered supplies from losses in wires and transformers.
--
-- Parameters: those of feeder_balance
-- Reads: meter_usage, generation_output, network_measurements
-- Uses: feeder_balance

WITH
due AS (
  SELECT meter_id, feeder_id, sum(slots_before_of(until, $meter_minutes) - slots_before_of(since, $meter_minutes)) AS due
  FROM (
    SELECT meter_id, feeder_id, greatest(since, $from) AS since, least(until, $to) AS until
    FROM meter_spans
    WHERE feeder_id IS NOT NULL AND in_service AND since < $to AND until > $from
  )
  GROUP BY ALL
),
there AS (
  SELECT meter_id, feeder_id, count(*) FILTER (ts = time_bucket(minutes($meter_minutes), ts)) AS there, sum(true_kwh) AS kwh
  FROM readings
  WHERE feeder_id IS NOT NULL AND in_service AND kwh IS NOT NULL
  GROUP BY ALL
),
meters AS (
  SELECT feeder_id, greatest(due - coalesce(there, 0), 0) AS missing, nullif(there, 0) AS there, kwh
  FROM due LEFT JOIN there USING (meter_id, feeder_id)
),
unread AS (
  SELECT feeder_id, sum(missing) AS missing,
    coalesce(sum(missing * kwh / there), 0.0)
      + coalesce(sum(missing) FILTER (there IS NULL) * sum(kwh) / sum(there), 0.0) AS kwh
  FROM meters
  GROUP BY feeder_id
),
feeders AS (
  SELECT feeder_id, count(*) AS interval_count, count(loss_kwh) AS known_intervals,
    sum(supplied_kwh) FILTER (loss_kwh IS NOT NULL) AS supplied_kwh,
    sum(generation_kwh) FILTER (loss_kwh IS NOT NULL) AS generation_kwh,
    sum(demand_kwh) FILTER (loss_kwh IS NOT NULL) AS demand_kwh,
    sum(loss_kwh) AS measured_loss_kwh,
    sum(expected_readings) FILTER (loss_kwh IS NOT NULL) AS expected,
    sum(present_readings) FILTER (loss_kwh IS NOT NULL) AS present
  FROM feeder_balance
  GROUP BY feeder_id
)
SELECT f.feeder_id, interval_count, known_intervals, supplied_kwh, generation_kwh, demand_kwh,
  measured_loss_kwh,
  percent(measured_loss_kwh, supplied_kwh + generation_kwh) AS measured_loss_pct,
  percent(present, expected) AS coverage_pct,
  CASE WHEN expected > present THEN u.kwh * (expected - present) / u.missing
       WHEN known_intervals > 0 THEN 0.0 END AS unread_estimated_kwh,
  measured_loss_kwh - unread_estimated_kwh AS estimated_loss_kwh,
  percent(estimated_loss_kwh, supplied_kwh + generation_kwh) AS estimated_loss_pct
FROM feeders f
LEFT JOIN unread u USING (feeder_id)
ORDER BY f.feeder_id
