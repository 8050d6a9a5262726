-- What does each feeder lose, by the balances that `ingestion-service feeder-balance` stored?
--
-- One row per day (UTC) and feeder, over the intervals whose loss is known:
--   ts           start of the day
--   feeder_id
--   supplied_kwh, generation_kwh, demand_kwh, loss_kwh
--   loss_pct     of supplied + generation; null where that is not above 0
--   alerts       intervals with a warning or worse

SELECT ts, feeder_id, supplied_kwh, generation_kwh, demand_kwh, loss_kwh,
  CASE WHEN supplied_kwh + generation_kwh > 0 THEN 100 * loss_kwh / (supplied_kwh + generation_kwh) END AS loss_pct,
  alerts
FROM (
  SELECT ts, feeder_id, sum(supplied_kwh) AS supplied_kwh, sum(generation_kwh) AS generation_kwh,
    sum(demand_kwh) AS demand_kwh, sum(loss_kwh) AS loss_kwh,
    sum(CASE WHEN alert IN ('warning', 'critical') THEN 1 ELSE 0 END) AS alerts
  FROM feeder_energy_balance
  WHERE loss_kwh IS NOT NULL AND ts >= '2024-06-03' AND ts < '2024-06-10'
  SAMPLE BY 1d
)
ORDER BY ts, feeder_id;
